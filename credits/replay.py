"""A wallet rebuilt from its journal alone, line by line, beside what its rows say."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from credits.models import Entry, Hold, Lot, Posting, Wallet


@dataclass(frozen=True, slots=True)
class Line:
    """A posting as it was replayed: what it moved, and the balance that its entries add up to."""

    at: datetime
    kind: str
    reference: str
    amount: int
    balance: int


@dataclass(slots=True)
class Replay:
    """What the journal and the open holds say of a wallet; `differences` names every row that says otherwise.

    Used inside a transaction: the wallet is locked from the first line on, so that nothing moves meanwhile.
    """

    wallet_id: UUID
    balance: int = 0
    debt: int = 0
    held: int = 0
    lots: dict[UUID, int] = field(default_factory=lambda: defaultdict(int))
    differences: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[Line]:
        """Replays the journal; every posting is given once its entries are applied."""
        wallet = Wallet.objects.select_for_update().get(id=self.wallet_id)
        postings = Posting.objects.filter(wallet_id=self.wallet_id).order_by("id").prefetch_related("entries")
        for posting in postings.iterator(chunk_size=1_000):
            for entry in posting.entries.all():
                self._apply(entry)
            if self.balance != posting.balance_after:
                self._differs(f"posting:{posting.id} balance_after", self.balance, posting.balance_after)
            yield Line(posting.at, posting.kind, posting.reference, posting.amount, self.balance)
        self._take_open_holds()
        self._compare(wallet)

    def _compare(self, wallet: Wallet) -> None:
        for name in ("balance", "debt", "held"):
            if getattr(wallet, name) != getattr(self, name):
                self._differs(f"wallet:{self.wallet_id} {name}", getattr(self, name), getattr(wallet, name))
        for lot in Lot.objects.filter(wallet_id=self.wallet_id):
            if self.lots[lot.id] != lot.remaining:
                self._differs(f"lot:{lot.id} remaining", self.lots[lot.id], lot.remaining)
            if lot.closed and self.lots[lot.id]:
                self._differs(f"lot:{lot.id} closed", 0, 1)

    def mend(self) -> None:
        """Makes the wallet's and its lots' own figures what the journal says. The journal is never changed."""
        Wallet.objects.filter(id=self.wallet_id).update(balance=self.balance, debt=self.debt, held=self.held)
        for lot in Lot.objects.filter(wallet_id=self.wallet_id):
            if lot.remaining != self.lots[lot.id] or (lot.closed and self.lots[lot.id]):
                lot.remaining, lot.closed = self.lots[lot.id], self.lots[lot.id] == 0
                lot.save(update_fields=["remaining", "closed"])

    def _apply(self, entry: Entry) -> None:
        if entry.wallet_id != self.wallet_id:
            return
        self.balance += entry.amount
        if entry.account == Entry.Account.DEBT:
            self.debt -= entry.amount
        elif entry.lot_id is not None:
            self.lots[entry.lot_id] += entry.amount

    def _take_open_holds(self) -> None:
        for hold in Hold.objects.filter(wallet_id=self.wallet_id, state=Hold.State.HELD):
            self.held += hold.amount - hold.captured
            for lot_id, drawn, kept in zip(hold.lot_ids, hold.lot_amounts, hold.lot_captured, strict=True):
                self.lots[lot_id] -= drawn - kept

    def _differs(self, what: str, replayed: int, stored: int) -> None:
        self.differences.append(f"{what}: replayed {replayed}, stored {stored}")


def wallet_ids(*, workspace_id: UUID) -> list[tuple[UUID, bool]]:
    """The live and the sandbox wallet of a workspace, and which is which."""
    return list(Wallet.objects.filter(workspace_id=workspace_id).order_by("sandbox").values_list("id", "sandbox"))
