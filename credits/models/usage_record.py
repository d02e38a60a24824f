from django.db import models


class UsageRecord(models.Model):
    """What one step used, in the raw unit of its model, beside what was paid for it and what it cost us.

    Names jobs and steps by id only: they are of an app above.
    """

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey("accounts.Workspace", models.PROTECT, db_index=False, related_name="+")
    sandbox = models.BooleanField()
    at = models.DateTimeField()
    job_id = models.UUIDField()
    step_id = models.UUIDField(unique=True)
    pipeline = models.CharField(max_length=20)
    model = models.CharField(max_length=80)
    unit = models.CharField(max_length=20)
    quantity = models.DecimalField(max_digits=14, decimal_places=4)
    credits = models.PositiveBigIntegerField()
    cost_usd_micros = models.PositiveBigIntegerField()
    cost_source = models.CharField(max_length=10, blank=True)
    key_id = models.UUIDField(null=True)
    member_id = models.UUIDField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "sandbox", "-at"], name="credits_usage_of_workspace"),
            models.Index(fields=["job_id"], name="credits_usage_of_job"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.unit} of {self.model}"
