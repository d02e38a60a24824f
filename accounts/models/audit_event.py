from django.db import models


class AuditEvent(models.Model):
    """Who did what to what, and when. Rows are only ever added (a trigger refuses the rest)."""

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey("accounts.Workspace", models.SET_NULL, null=True, related_name="+")
    actor = models.CharField(max_length=80, help_text="user:<id>, key:<id>, command:<name> or system")
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="accounts_audit_of_workspace")]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"
