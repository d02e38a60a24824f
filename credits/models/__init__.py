from credits.models.entry import Entry, Posting
from credits.models.hold import Hold
from credits.models.lot import Lot
from credits.models.price import Price
from credits.models.quote import Quote
from credits.models.wallet import Wallet

__all__ = ["Entry", "Hold", "Lot", "Posting", "Price", "Quote", "Wallet"]
