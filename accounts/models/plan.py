from django.db import models
from django.db.models import Q


class Plan(models.Model):
    """What those on it may use: `limits` is a document whose keys are those of `accounts.limits`."""

    slug = models.SlugField(primary_key=True, max_length=40)
    name = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=100, help_text="Order of the plans; lower comes first.")
    limits = models.JSONField(default=dict)
    is_default = models.BooleanField(default=False, help_text="New workspaces begin on it.")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ("position", "slug")
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="accounts_plan_one_default"
            )
        ]

    def __str__(self) -> str:
        return self.name
