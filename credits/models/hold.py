from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from core.ids import uuid7


class Hold(models.Model):
    """Credits set aside for a job. Remembers which lots it drew from, and how much from each."""

    class State(models.TextChoices):
        HELD = "held"
        CAPTURED = "captured"
        VOIDED = "voided"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    wallet = models.ForeignKey("credits.Wallet", models.PROTECT, related_name="+")
    reference = models.CharField(max_length=160, unique=True)
    amount = models.PositiveBigIntegerField()
    captured = models.PositiveBigIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State.choices, default=State.HELD)
    lot_ids = ArrayField(models.UUIDField())
    lot_amounts = ArrayField(models.BigIntegerField())
    reason = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="credits_hold_amount_positive"),
            models.CheckConstraint(condition=Q(captured__lte=F("amount")), name="credits_hold_captured_within_amount"),
            models.CheckConstraint(
                condition=Q(state="captured") | Q(captured=0), name="credits_hold_only_captured_captures"
            ),
            models.CheckConstraint(
                condition=Q(state="held", closed_at=None) | (~Q(state="held") & Q(closed_at__isnull=False)),
                name="credits_hold_closed_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["wallet"], condition=Q(state="held"), name="credits_hold_open"),
            models.Index(fields=["expires_at"], condition=Q(state="held"), name="credits_hold_due"),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.amount} for {self.reference}"
