from django.db import models
from django.db.models import Q

from core.ids import uuid7


class Asset(models.Model):
    """A stored file of a workspace. Its bytes lie under `storage_key`; renditions are smaller versions of it.

    `source_id` and `source_index` name what made it, one row for each output, so that a result delivered
    twice is stored once.
    """

    class State(models.TextChoices):
        AVAILABLE = "available"
        QUARANTINED = "quarantined"
        TRASHED = "trashed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.PROTECT, db_index=False, related_name="+")
    sandbox = models.BooleanField(default=False)
    source_id = models.UUIDField()
    source_index = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.AVAILABLE)
    kind = models.CharField(max_length=10)
    media_type = models.CharField(max_length=60)
    storage_key = models.CharField(max_length=200)
    size_bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    caption = models.TextField(blank=True, help_text="The words it was made from.")
    model = models.CharField(max_length=120, blank=True, help_text="The pinned public model.")
    meta = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    trashed_at = models.DateTimeField(null=True, blank=True)
    render_due_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When to ask again for smaller versions that are missing."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source_id", "source_index"], name="assets_asset_once_per_output"),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "sandbox", "-id"], condition=Q(state="available"), name="assets_asset_gallery"
            ),
            models.Index(fields=["storage_key"], name="assets_asset_key"),
            models.Index(fields=["workspace", "-trashed_at"], condition=Q(state="trashed"), name="assets_asset_trash"),
            models.Index(
                fields=["render_due_at"], condition=Q(render_due_at__isnull=False), name="assets_asset_render_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Rendition(models.Model):
    """A smaller version of an asset, made once by a worker."""

    class Variant(models.TextChoices):
        WEB = "web"
        THUMB = "thumb"

    asset = models.ForeignKey("assets.Asset", models.CASCADE, db_index=False, related_name="renditions")
    variant = models.CharField(max_length=10, choices=Variant.choices)
    media_type = models.CharField(max_length=60)
    storage_key = models.CharField(max_length=200)
    size_bytes = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["asset", "variant"], name="assets_rendition_once")]

    def __str__(self) -> str:
        return f"{self.variant} of {self.asset_id}"
