from django.db import models

from core.ids import uuid7


class Quote(models.Model):
    """A price that was promised for an input, and until when."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.CASCADE, related_name="+")
    request_hash = models.CharField(max_length=64, help_text="Of pipeline, pinned model and input.")
    lines = models.JSONField()
    total = models.PositiveBigIntegerField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.total} until {self.expires_at:%c}"
