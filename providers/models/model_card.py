from django.db import models


class ModelRevision(models.Model):
    """A version of a model as the catalogue described it. Never changed: jobs name the one that made them."""

    id = models.CharField(primary_key=True, max_length=64, help_text="SHA-256 of the spec.")
    slug = models.CharField(max_length=80)
    version = models.CharField(max_length=40)
    spec = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["slug", "version"], name="providers_revision_of_slug")]

    def __str__(self) -> str:
        return f"{self.slug}@{self.version}"


class ModelCard(models.Model):
    """A public model: which revision it points to now, and what the operator decided about it."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        DEGRADED = "degraded"
        RETIRING = "retiring"
        DISABLED = "disabled"

    slug = models.CharField(primary_key=True, max_length=80)
    pipeline = models.CharField(max_length=20)
    revision = models.ForeignKey("providers.ModelRevision", models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    position = models.PositiveSmallIntegerField(default=100, help_text="`auto` takes the lowest of its pipeline.")
    retires_at = models.DateTimeField(null=True, blank=True)
    successor = models.CharField(max_length=80, blank=True)
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.slug
