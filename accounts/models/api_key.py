from django.contrib.postgres.fields import ArrayField
from django.db import models

from core.ids import uuid7


class ApiKey(models.Model):
    """A secret that acts for a workspace. Only its SHA-256 is kept; 256 random bits need no slow hash."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.CASCADE, related_name="+")
    created_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, help_text="The start of the secret, to tell keys apart.")
    secret_hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=30))
    sandbox = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="accounts_apikey_of_workspace")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
