from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from core.ids import uuid7


class Hold(models.Model):
    """Credits set aside for a job.

    Remembers which lots it drew from, in spend order: `lot_amounts` is what it took of each, `lot_captured` what
    the platform kept of that; the difference went back. `limit_ids` and `limit_starts` name the spend limits, and
    their periods, that it counts against.
    """

    class State(models.TextChoices):
        HELD = "held"
        CAPTURED = "captured"
        VOIDED = "voided"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    wallet = models.ForeignKey("credits.Wallet", models.PROTECT, db_index=False, db_constraint=False, related_name="+")
    reference = models.CharField(max_length=160)
    amount = models.PositiveBigIntegerField()
    captured = models.PositiveBigIntegerField(default=0)
    refunded = models.PositiveBigIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State.choices, default=State.HELD)
    lot_ids = ArrayField(models.UUIDField())
    lot_amounts = ArrayField(models.BigIntegerField())
    lot_captured = ArrayField(models.BigIntegerField())
    key_id = models.UUIDField(null=True)
    member_id = models.UUIDField(null=True)
    model = models.CharField(max_length=80, blank=True)
    limit_ids = ArrayField(models.UUIDField(), default=list)
    limit_starts = ArrayField(models.DateField(), default=list)
    reason = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reference"], name="credits_hold_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="credits_hold_amount_positive"),
            models.CheckConstraint(condition=Q(captured__lte=F("amount")), name="credits_hold_captured_within_amount"),
            models.CheckConstraint(
                condition=Q(refunded__lte=F("captured")), name="credits_hold_refunded_within_captured"
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
