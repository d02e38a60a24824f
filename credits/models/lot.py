from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from core.ids import uuid7


class Lot(models.Model):
    """Credits granted together: one origin, one expiry, one unit of rollover.

    `remaining` excludes what open holds have drawn. `closed` flips only when nothing remains, so that
    the index on open lots stays out of the way of heap-only updates. A lot with `rollover_percent` passes
    up to that share of `amount`, and at most `rollover_most`, to a lot of the next period when its plan
    renews; `generation` counts how often that happened and stays within `rollover_times`.
    """

    class Origin(models.TextChoices):
        WELCOME = "welcome"
        PLAN = "plan"
        ROLLED_OVER = "rolled_over"
        TOP_UP = "top_up"
        MAKE_GOOD = "make_good"
        GOODWILL = "goodwill"
        ADJUSTMENT = "adjustment"
        SANDBOX = "sandbox"
        GRACE = "grace"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    wallet = models.ForeignKey("credits.Wallet", models.PROTECT, db_index=False, related_name="lots")
    origin = models.CharField(max_length=20, choices=Origin.choices)
    reference = models.CharField(max_length=180)
    priority = models.PositiveSmallIntegerField(default=50)
    paid = models.BooleanField(default=False)
    amount = models.PositiveBigIntegerField()
    remaining = models.PositiveBigIntegerField()
    closed = models.BooleanField(default=False)
    applies_to = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, db_index=False, related_name="+")
    generation = models.PositiveSmallIntegerField(default=0)
    rollover_percent = models.PositiveSmallIntegerField(null=True)
    rollover_most = models.PositiveBigIntegerField(null=True)
    rollover_times = models.PositiveSmallIntegerField(default=0)
    effective_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reference"], name="credits_lot_once"),
            models.CheckConstraint(condition=Q(remaining__lte=F("amount")), name="credits_lot_remaining_within_amount"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="credits_lot_amount_positive"),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(expires_at__gt=F("effective_at")), name="credits_lot_lives"
            ),
            models.CheckConstraint(
                condition=Q(rollover_percent=None) | Q(rollover_percent__gte=1, rollover_percent__lte=100),
                name="credits_lot_rollover_is_a_share",
            ),
        ]
        indexes = [
            models.Index(
                "wallet", "priority", F("expires_at").asc(nulls_last=True), "paid", "id",
                condition=Q(closed=False), name="credits_lot_spend_order",
            ),
            models.Index(
                fields=["expires_at"], condition=Q(closed=False, expires_at__isnull=False), name="credits_lot_due"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.remaining} of {self.amount} ({self.origin})"
