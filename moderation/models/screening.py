from django.db import models


class Screening(models.Model):
    """A refusal, for the statistics of its rule. Never holds the text that was screened."""

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey("accounts.Workspace", models.CASCADE, related_name="+")
    stage = models.CharField(max_length=20)
    verdict = models.CharField(max_length=10)
    category = models.CharField(max_length=40)
    rule = models.ForeignKey("moderation.Rule", models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.verdict} at {self.stage} ({self.category})"
