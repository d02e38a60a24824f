from django.db import models

OPEN, REPLAYED, REFUNDED, DISCARDED = "open", "replayed", "refunded", "discarded"


class DeadLetter(models.Model):
    """A step that was given up for a reason that is not its person's: what an operator replays, refunds or discards.

    `payload_digest` tells equal orders from different ones without their words; `trail` is one line for each attempt.
    """

    step = models.OneToOneField("generation.Step", models.CASCADE, primary_key=True, related_name="+")
    job = models.ForeignKey("generation.Job", models.CASCADE, related_name="+")
    workspace = models.ForeignKey("accounts.Workspace", models.PROTECT, db_index=False, related_name="+")
    pipeline = models.CharField(max_length=20)
    model = models.CharField(max_length=120)
    cause = models.CharField(max_length=40, help_text="The error's code.")
    category = models.CharField(max_length=20)
    provider_code = models.CharField(max_length=80, blank=True)
    payload_digest = models.CharField(max_length=64)
    trail = models.JSONField()
    at = models.DateTimeField()
    state = models.CharField(
        max_length=10, default=OPEN, choices=[(name, name) for name in (OPEN, REPLAYED, REFUNDED, DISCARDED)]
    )
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    replayed_as = models.ForeignKey("generation.Job", models.SET_NULL, null=True, db_index=False, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state=OPEN, resolved_at=None)
                | (~models.Q(state=OPEN) & ~models.Q(resolved_at=None)),
                name="generation_deadletter_resolved",
            ),
        ]
        indexes = [
            models.Index(fields=["-at"], condition=models.Q(state=OPEN), name="generation_deadletter_open"),
            models.Index(fields=["cause", "-at"], name="generation_deadletter_cause"),
        ]

    def __str__(self) -> str:
        return f"{self.cause} of {self.job_id}"
