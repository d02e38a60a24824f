from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q


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


class Wallet(models.Model):
    """Credits of somebody, as one would write it first. So are the four below."""

    balance = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)

    objects: "ClassVar[models.Manager[Wallet]]" = models.Manager()

    class Meta:
        app_label = "floors"
        constraints = [models.CheckConstraint(condition=Q(balance__gte=F("held")), name="floors_wallet_covers")]

    def __str__(self) -> str:
        return f"{self.balance}"


class Lot(models.Model):
    wallet = models.ForeignKey(Wallet, models.PROTECT)
    reference = models.CharField(max_length=160, unique=True)
    amount = models.PositiveBigIntegerField()
    remaining = models.PositiveBigIntegerField()
    priority = models.PositiveSmallIntegerField(default=50)
    expires_at = models.DateTimeField(null=True)

    objects: "ClassVar[models.Manager[Lot]]" = models.Manager()

    class Meta:
        app_label = "floors"

    def __str__(self) -> str:
        return f"{self.remaining} of {self.amount}"


class Hold(models.Model):
    wallet = models.ForeignKey(Wallet, models.PROTECT)
    reference = models.CharField(max_length=160, unique=True)
    amount = models.PositiveBigIntegerField()
    captured = models.PositiveBigIntegerField(default=0)
    state = models.CharField(max_length=10, default="held")
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    objects: "ClassVar[models.Manager[Hold]]" = models.Manager()

    class Meta:
        app_label = "floors"

    def __str__(self) -> str:
        return f"{self.state} {self.amount}"


class Draw(models.Model):
    hold = models.ForeignKey(Hold, models.PROTECT)
    lot = models.ForeignKey(Lot, models.PROTECT)
    amount = models.PositiveBigIntegerField()
    captured = models.PositiveBigIntegerField(default=0)

    objects: "ClassVar[models.Manager[Draw]]" = models.Manager()

    class Meta:
        app_label = "floors"

    def __str__(self) -> str:
        return f"{self.amount}"


class Entry(models.Model):
    wallet = models.ForeignKey(Wallet, models.PROTECT, null=True)
    lot = models.ForeignKey(Lot, models.PROTECT, null=True)
    account = models.CharField(max_length=12)
    amount = models.BigIntegerField()
    reference = models.CharField(max_length=160)
    at = models.DateTimeField()

    objects: "ClassVar[models.Manager[Entry]]" = models.Manager()

    class Meta:
        app_label = "floors"

    def __str__(self) -> str:
        return f"{self.amount:+} {self.account}"
