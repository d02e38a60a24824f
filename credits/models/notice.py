from django.db import models
from django.db.models import Q

from core.ids import uuid7


class Watch(models.Model):
    """How a live wallet is watched. `armed` while its balance was at or above the threshold when last looked at.

    A table of its own: the wallet's row is the hot one. No constraint to it, whose check would wait for its lock.
    """

    wallet = models.OneToOneField(
        "credits.Wallet", models.PROTECT, primary_key=True, db_constraint=False, related_name="+"
    )
    low_below = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Empty is the site's default; 0 is off."
    )
    by_mail = models.BooleanField(default=True)
    armed = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{'armed' if self.armed else 'quiet'} watch of {self.wallet_id}"


class Notice(models.Model):
    """A mail that tells the owners of a wallet that credits run low or will expire; one for each fall, and for each
    lot and kind.

    `sending` is set before the mail is handed over: a process that dies then leaves it so, and nothing sends it twice.
    """

    class Kind(models.TextChoices):
        LOW_BALANCE = "low_balance"
        EXPIRING_WEEK = "expiring_week"
        EXPIRING_DAY = "expiring_day"

    class State(models.TextChoices):
        PENDING = "pending"
        SENDING = "sending"
        SENT = "sent"
        DROPPED = "dropped"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    wallet = models.ForeignKey("credits.Wallet", models.PROTECT, db_constraint=False, related_name="+")
    kind = models.CharField(max_length=15, choices=Kind.choices)
    lot = models.ForeignKey(
        "credits.Lot", models.PROTECT, null=True, db_index=False, db_constraint=False, related_name="+"
    )
    amount = models.BigIntegerField(help_text="What was left, or would expire, when it was raised.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    tries = models.PositiveIntegerField(default=0)
    raised_at = models.DateTimeField()
    next_try_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["lot", "kind"], condition=Q(lot__isnull=False), name="credits_notice_once_for_a_lot"
            )
        ]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(state="pending"), name="credits_notice_due"),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.kind} of {self.wallet_id}"
