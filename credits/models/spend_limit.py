from django.db import models
from django.db.models import Q

from core.ids import uuid7


class SpendLimit(models.Model):
    """A ceiling on what a wallet, a key, a member or a model may use in a period. Periods begin at UTC midnight."""

    class Scope(models.TextChoices):
        WALLET = "wallet"
        KEY = "key"
        MEMBER = "member"
        MODEL = "model"

    class Period(models.TextChoices):
        DAY = "day"
        MONTH = "month"
        TOTAL = "total"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    wallet = models.ForeignKey("credits.Wallet", models.CASCADE, db_index=False, related_name="+")
    scope = models.CharField(max_length=6, choices=Scope.choices)
    subject = models.CharField(max_length=80, blank=True, help_text="The key's or member's id, or the model's name.")
    period = models.CharField(max_length=5, choices=Period.choices)
    amount = models.PositiveBigIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["wallet", "scope", "subject", "period"], name="credits_spendlimit_once"),
            models.CheckConstraint(
                condition=Q(scope="wallet", subject="") | (~Q(scope="wallet") & ~Q(subject="")),
                name="credits_spendlimit_names_its_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} a {self.period} for {self.scope} {self.subject}"


class Spending(models.Model):
    """What counts against a limit in one of its periods: open holds, and what closed ones kept. Rebuilt from holds.

    `limit_id` is a SpendLimit's, or the wallet's own for the daily cap of its plan.
    """

    pk = models.CompositePrimaryKey("limit_id", "period_start")
    limit_id = models.UUIDField()
    period_start = models.DateField()
    used = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"{self.used} since {self.period_start}"
