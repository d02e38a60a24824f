from credits.models.allowance import Allowance
from credits.models.entry import Entry, Posting
from credits.models.hold import Hold
from credits.models.lot import Lot
from credits.models.notice import Notice, Watch
from credits.models.price import Price
from credits.models.quote import Quote
from credits.models.spend_limit import Spending, SpendLimit
from credits.models.usage_record import UsageRecord
from credits.models.wallet import Wallet

__all__ = [
    "Allowance", "Entry", "Hold", "Lot", "Notice", "Posting", "Price", "Quote", "SpendLimit", "Spending", "UsageRecord",
    "Wallet", "Watch",
]  # fmt: skip
