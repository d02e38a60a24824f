"""A ledger as one would write it with the ORM: rows locked by `select_for_update`, then read, changed and saved.

It keeps what the product's keeps: lots in spend order, holds once for a reference, what each drew, a journal of
two lines. It has no limits, debt, parts or proofs.
"""

from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from bench.floors.models import Draw, Entry, Hold, Lot, Wallet
from bench.spender import AMOUNT, CAPTURED


class Ledger:
    def hold(self, wallet: str, reference: str) -> tuple[Any, bool]:
        with transaction.atomic():
            row = Wallet.objects.select_for_update().get(pk=wallet)
            if known := Hold.objects.filter(reference=reference).first():
                return known.pk, True
            now, wanted = timezone.now(), AMOUNT
            hold = Hold.objects.create(wallet=row, reference=reference, amount=AMOUNT, created_at=now)
            for lot in _spendable(row):
                take = min(lot.remaining, wanted)
                lot.remaining -= take
                lot.save(update_fields=["remaining"])
                Draw.objects.create(hold=hold, lot=lot, amount=take)
                wanted -= take
                if not wanted:
                    break
            row.held += AMOUNT
            row.save(update_fields=["held"])
        return hold.pk, False

    def capture(self, hold: Any) -> int:
        return self._settle(hold, CAPTURED).captured

    def void(self, hold: Any) -> int:
        row = self._settle(hold, 0)
        return row.amount - row.captured

    def grant(self, wallet: str, reference: str) -> bool:
        with transaction.atomic():
            row = Wallet.objects.select_for_update().get(pk=wallet)
            lot, made = Lot.objects.get_or_create(
                reference=reference, defaults={"wallet": row, "amount": AMOUNT, "remaining": AMOUNT}
            )
            if made:
                _journal(row, lot, AMOUNT, "issued", reference)
                row.balance += AMOUNT
                row.save(update_fields=["balance"])
        return made

    def _settle(self, hold: Any, captured: int) -> Hold:
        with transaction.atomic():
            wallet = Wallet.objects.select_for_update().get(
                pk=Hold.objects.values("wallet_id").get(pk=hold)["wallet_id"]
            )
            row = Hold.objects.select_for_update().get(pk=hold)
            if row.state != "held":
                return row
            keep = captured
            for draw in Draw.objects.filter(hold=row).select_related("lot").order_by("id"):
                draw.captured = min(draw.amount, keep)
                keep -= draw.captured
                draw.save(update_fields=["captured"])
                draw.lot.remaining += draw.amount - draw.captured
                draw.lot.save(update_fields=["remaining"])
                if draw.captured:
                    _journal(wallet, draw.lot, -draw.captured, "consumed", f"hold:{row.pk}")
            row.captured, row.state, row.closed_at = captured, "captured" if captured else "voided", timezone.now()
            row.save(update_fields=["captured", "state", "closed_at"])
            wallet.balance -= captured
            wallet.held -= row.amount
            wallet.save(update_fields=["balance", "held"])
        return row


def _spendable(wallet: Wallet) -> Any:
    return (
        Lot.objects.select_for_update()
        .filter(wallet=wallet, remaining__gt=0)
        .filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
        .order_by("priority", F("expires_at").asc(nulls_last=True), "id")
    )


def _journal(wallet: Wallet, lot: Lot, amount: int, against: str, reference: str) -> None:
    now = timezone.now()
    Entry.objects.bulk_create(
        [
            Entry(wallet=wallet, lot=lot, account="wallet", amount=amount, reference=reference, at=now),
            Entry(wallet=None, lot=None, account=against, amount=-amount, reference=reference, at=now),
        ]
    )
