from django.db import models
from django.db.models import F, Q

from core.ids import uuid7


class Wallet(models.Model):
    """A workspace's credits, live or sandbox. Its row is the lock for everything that moves them.

    `balance` counts held credits too; what can be used is `balance - held`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.PROTECT, db_index=False, related_name="+")
    sandbox = models.BooleanField(default=False)
    balance = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    debt = models.BigIntegerField(default=0, help_text="Clawed back beyond what was left; the next grant repays it.")
    limited = models.BooleanField(default=False, help_text="Whether spend limits are to be looked for at each hold.")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "sandbox"], name="credits_wallet_one_each"),
            models.CheckConstraint(condition=Q(held__gte=0), name="credits_wallet_held_not_negative"),
            models.CheckConstraint(condition=Q(debt__gte=0), name="credits_wallet_debt_not_negative"),
            models.CheckConstraint(
                condition=Q(balance__gte=F("held") - F("debt")), name="credits_wallet_held_within_balance"
            ),
        ]

    def __str__(self) -> str:
        return f"{'sandbox' if self.sandbox else 'live'} wallet of {self.workspace_id}"
