from django.db import models

from core.ids import uuid7


class Workspace(models.Model):
    """Who owns wallets, jobs and assets: one person's own, or a team's."""

    class Kind(models.TextChoices):
        PERSONAL = "personal"
        TEAM = "team"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
