"""The product's ledger as the callers of `bench.spender` use it: wallets are workspaces."""

from typing import Any
from uuid import UUID

from django.utils import timezone

from bench.spender import AMOUNT, CAPTURED
from credits import ledger
from credits.ledger import Terms


class Ledger:
    def hold(self, wallet: str, reference: str) -> tuple[Any, bool]:
        held = ledger.hold(workspace_id=UUID(wallet), amount=AMOUNT, reference=reference, at=timezone.now())
        return held.id, held.replayed

    def capture(self, hold: Any) -> int:
        return ledger.capture(hold_id=hold, amount=CAPTURED, at=timezone.now()).captured

    def void(self, hold: Any) -> int:
        return ledger.void(hold_id=hold, at=timezone.now()).released

    def grant(self, wallet: str, reference: str) -> bool:
        return ledger.grant(
            workspace_id=UUID(wallet), amount=AMOUNT, terms=Terms("top_up"), reference=reference, at=timezone.now()
        )
