from django.db import models
from django.db.models import Q

from core.ids import uuid7


class Allowance(models.Model):
    """Credits that a wallet is granted each month. `periods` counts the grants made; the next is due at `next_at`.

    Boundaries are the anchor's day and wall time in `timezone`, clamped to the month's end.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    wallet = models.ForeignKey("credits.Wallet", models.PROTECT, related_name="+")
    reference = models.CharField(max_length=100)
    amount = models.PositiveBigIntegerField()
    paid = models.BooleanField(default=False)
    rollover_percent = models.PositiveSmallIntegerField(null=True, blank=True)
    rollover_most = models.PositiveBigIntegerField(null=True, blank=True)
    rollover_times = models.PositiveSmallIntegerField(default=0)
    anchor_at = models.DateTimeField()
    timezone = models.CharField(max_length=64, default="UTC")
    periods = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reference"], name="credits_allowance_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="credits_allowance_amount_positive"),
        ]
        indexes = [models.Index(fields=["next_at"], name="credits_allowance_due")]

    def __str__(self) -> str:
        return f"{self.amount} a month from {self.next_at:%Y-%m-%d}"
