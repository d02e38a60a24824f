from django.db import models
from django.db.models import Q

from core.ids import uuid7


class Connection(models.Model):
    """A way to a provider: an endpoint and a secret. The operator's serve everybody; a workspace's serve it alone."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(
        "accounts.Workspace", models.CASCADE, null=True, blank=True, related_name="+",
        help_text="Empty: the operator's, for everybody.",
    )  # fmt: skip
    kind = models.CharField(max_length=40, help_text="The adapter.")
    name = models.CharField(max_length=80)
    base_url = models.CharField(max_length=300, blank=True)
    sealed_secret = models.BinaryField(null=True, editable=False)
    secret_env = models.CharField(
        max_length=80, blank=True, help_text="The environment's variable that has the secret, instead of a stored one."
    )
    secret_hint = models.CharField(max_length=10, blank=True, editable=False)
    options = models.JSONField(default=dict, blank=True, help_text="The adapter's own, by its documentation.")
    result_hosts = models.JSONField(default=list, blank=True, help_text="Where results may lie, beside the usual.")
    concurrency = models.PositiveIntegerField(null=True, blank=True, help_text="At most so many calls at once.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    managed = models.BooleanField(default=False, editable=False, help_text="Made from the environment, kept up to it.")
    checked_at = models.DateTimeField(null=True, editable=False)
    checked_ok = models.BooleanField(null=True, editable=False)
    checked_detail = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], nulls_distinct=False, name="providers_connection_name_once"
            ),
            models.UniqueConstraint(
                fields=["kind"], condition=Q(managed=True), name="providers_connection_one_from_environment"
            ),
        ]
        indexes = [models.Index(fields=["kind", "workspace"], name="providers_connection_of_kind")]

    def __str__(self) -> str:
        return f"{self.name} ({self.kind})"
