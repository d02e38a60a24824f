from django.db import models


class Entitlement(models.Model):
    """What a workspace may use. Written by billing or an operator, read by everybody else."""

    class Lane(models.TextChoices):
        ENTERPRISE = "enterprise"
        PRO = "pro"
        FREE = "free"

    workspace = models.OneToOneField("accounts.Workspace", models.CASCADE, primary_key=True, related_name="entitlement")
    plan = models.CharField(max_length=40, default="free")
    lane = models.CharField(max_length=10, choices=Lane.choices, default=Lane.FREE)
    weight = models.PositiveSmallIntegerField(default=1, help_text="Share inside the lane; 2 gets twice as much as 1.")
    max_running = models.PositiveSmallIntegerField(default=4)
    max_queued = models.PositiveSmallIntegerField(default=100, help_text="Jobs that may wait or run at once.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(weight__gte=1), name="accounts_entitlement_weight_positive")
        ]

    def __str__(self) -> str:
        return f"{self.plan} ({self.lane})"
