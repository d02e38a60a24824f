from django.db import models
from django.db.models import Q


class Posting(models.Model):
    """One economic fact in the journal: its entries sum to zero (a deferred trigger sees to it).

    A void moves nothing and has no entries: it is there so that the statement tells what came back and why.
    `subject` is what it was for, as `job:<id>`; `released` what a settled hold gave back to its lots.
    """

    class Kind(models.TextChoices):
        GRANT = "grant"
        CAPTURE = "capture"
        VOID = "void"
        REFUND = "refund"
        GRACE = "grace"
        EXPIRE = "expire"
        ROLLOVER = "rollover"
        ADJUST = "adjust"
        CLAW_BACK = "claw_back"
        REPAY = "repay"

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    reference = models.CharField(max_length=240)
    inputs_hash = models.CharField(max_length=64, blank=True)
    actor = models.CharField(max_length=80, default="system")
    reason = models.CharField(max_length=200, blank=True)
    subject = models.CharField(max_length=160, blank=True)
    at = models.DateTimeField()
    wallet = models.ForeignKey("credits.Wallet", models.PROTECT, db_index=False, db_constraint=False, related_name="+")
    hold = models.ForeignKey(
        "credits.Hold", models.PROTECT, null=True, db_index=False, db_constraint=False, related_name="+"
    )
    amount = models.BigIntegerField(help_text="What the wallet gained or lost: the sum of its entries here.")
    released = models.BigIntegerField(default=0)
    balance_after = models.BigIntegerField(help_text="So that a page of the statement needs no sum over the past.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reference"], name="credits_posting_once")]
        indexes = [
            models.Index(fields=["wallet", "-id"], name="credits_posting_statement"),
            models.Index(
                fields=["wallet", "-id"], condition=~Q(kind__in=["capture", "void"]), name="credits_posting_rare"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"


class Entry(models.Model):
    """A line of a posting. Lines of a wallet name it and the lot; lines of its debt name only it; the platform's
    accounts have neither.

    Rows are only ever added: UPDATE, DELETE and TRUNCATE are refused by a trigger. What they name exists without
    foreign keys: the verbs write it under the wallet's lock, it cannot be deleted, and `credits_violation` looks.
    """

    class Account(models.TextChoices):
        WALLET = "wallet"
        DEBT = "debt"
        ISSUED = "issued"
        CONSUMED = "consumed"
        BREAKAGE = "breakage"
        ADJUSTMENTS = "adjustments"

    id = models.BigAutoField(primary_key=True)
    posting = models.ForeignKey("credits.Posting", models.PROTECT, db_constraint=False, related_name="entries")
    account = models.CharField(max_length=12, choices=Account.choices)
    wallet = models.ForeignKey(
        "credits.Wallet", models.PROTECT, null=True, db_index=False, db_constraint=False, related_name="+"
    )
    lot = models.ForeignKey(
        "credits.Lot", models.PROTECT, null=True, db_index=False, db_constraint=False, related_name="+"
    )
    amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="credits_entry_not_zero"),
            models.CheckConstraint(
                condition=Q(account="wallet", wallet__isnull=False, lot__isnull=False)
                | Q(account="debt", wallet__isnull=False, lot=None)
                | (~Q(account__in=["wallet", "debt"]) & Q(wallet=None, lot=None)),
                name="credits_entry_names_whose_it_is",
            ),
        ]
        indexes = [
            models.Index(fields=["wallet"], condition=Q(wallet__isnull=False), name="credits_entry_of_wallet_all"),
            models.Index(fields=["lot"], condition=Q(account="wallet"), name="credits_entry_of_lot"),
        ]

    def __str__(self) -> str:
        return f"{self.amount:+} {self.account}"
