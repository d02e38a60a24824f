from django.db import models


class MadeGood(models.Model):
    """A job whose failure was made good with credits: once, whatever window or incident asks again."""

    job = models.OneToOneField("generation.Job", models.CASCADE, primary_key=True, related_name="+")
    incident = models.CharField(max_length=80)
    credits = models.PositiveBigIntegerField()
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "made good"

    def __str__(self) -> str:
        return f"{self.credits} for {self.job_id}"
