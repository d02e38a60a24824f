from typing import ClassVar

from django.conf import settings
from django.db import models


class Row(models.Model):
    """A job as one would write it first."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True)
    prompt = models.TextField()
    model = models.CharField(max_length=120)
    n = models.PositiveSmallIntegerField(default=1)
    width = models.PositiveIntegerField(default=1024)
    height = models.PositiveIntegerField(default=1024)
    state = models.CharField(max_length=20, default="queued", db_index=True)
    result = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects: "ClassVar[models.Manager[Row]]" = models.Manager()

    class Meta:
        app_label = "floors"

    def __str__(self) -> str:
        return self.state
