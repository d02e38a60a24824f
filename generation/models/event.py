from django.db import models


class Event(models.Model):
    """A change of a job that somebody may have missed: replayed to whoever asks from a `seq` on."""

    pk = models.CompositePrimaryKey("job_id", "seq")
    job = models.ForeignKey("generation.Job", models.CASCADE, db_index=False, related_name="events")
    seq = models.PositiveIntegerField()
    type = models.CharField(max_length=12)
    data = models.JSONField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"
