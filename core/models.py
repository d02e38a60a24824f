"""The kernel's only table."""

from django.db import models


class IdempotencyRecord(models.Model):
    """The answer that was given to a POST, for the next time the same request arrives.

    Written in the transaction of the request's effect, so a stored answer and its effect exist
    together or not at all. Kept for 24 hours or more.
    """

    pk = models.CompositePrimaryKey("workspace_id", "route", "key")
    workspace_id = models.UUIDField()
    route = models.CharField(max_length=60)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="core_idempotency_age")]

    def __str__(self) -> str:
        return f"{self.route} of {self.workspace_id}"
