from django.contrib.postgres.indexes import BrinIndex
from django.db import models


class Attempt(models.Model):
    """One try of a step on one route. `id` is the token that a provider's callback carries."""

    id = models.UUIDField(primary_key=True)
    step = models.ForeignKey("generation.Step", models.CASCADE, db_index=False, related_name="attempts")
    no = models.PositiveSmallIntegerField()
    revision = models.ForeignKey("providers.ModelRevision", models.PROTECT, db_index=False, related_name="+")
    connection_id = models.UUIDField(null=True, help_text="Empty for what computes here.")
    worker = models.CharField(max_length=80)
    outcome = models.CharField(max_length=12, default="running", help_text="running, done, failed, canceled or lost")
    error_code = models.CharField(max_length=40, blank=True)
    provider_code = models.CharField(max_length=80, blank=True)
    detail = models.CharField(max_length=300, blank=True, help_text="For operators; never a prompt.")
    handle = models.JSONField(null=True)
    cost_usd_micros = models.PositiveBigIntegerField(default=0)
    cost_source = models.CharField(max_length=10, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "no"], name="generation_attempt_once")]
        # Attempts are only added, so their times grow with the table: what began lately is found for next to nothing.
        indexes = [
            BrinIndex(fields=["started_at"], pages_per_range=16, autosummarize=True, name="generation_attempt_recent")
        ]

    def __str__(self) -> str:
        return f"attempt {self.no}: {self.outcome}"
