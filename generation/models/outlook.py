from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class Pace(models.Model):
    """How many attempts of a model, in a lane and an hour, took about as long: `generation.bands` has the buckets."""

    pk = models.CompositePrimaryKey("hour", "model", "lane", "bucket")
    hour = models.DateTimeField()
    model = models.CharField(max_length=80)
    lane = models.CharField(max_length=10)
    bucket = models.SmallIntegerField(help_text="Of the duration in milliseconds.")
    attempts = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.attempts} of {self.model} in {self.lane}"


class Expectation(models.Model):
    """The first time to start that a waiting job was told; gone once it began or ended. All in milliseconds from `at`.

    `plain_ms` is what the work ahead and the present rate gave, before experience widened it to a band.
    """

    # No constraint: its check would lock rows of jobs out of order, and a row without a job is only thrown away.
    job = models.OneToOneField(
        "generation.Job", models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="+"
    )
    lane = models.CharField(max_length=10)
    at = models.DateTimeField()
    plain_ms = models.PositiveIntegerField()
    least_ms = models.PositiveIntegerField()
    p50_ms = models.PositiveIntegerField()
    p90_ms = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.job_id} within {self.p90_ms} ms"


class Punctuality(models.Model):
    """How starts of a lane and an hour compared with what was told, by the bucket of true over plain time."""

    pk = models.CompositePrimaryKey("hour", "lane", "bucket")
    hour = models.DateTimeField()
    lane = models.CharField(max_length=10)
    bucket = models.SmallIntegerField()
    jobs = models.PositiveIntegerField()
    inside = models.PositiveIntegerField(help_text="Started within their band.")
    late = models.PositiveIntegerField(help_text="Started after its end, or ended unstarted then.")

    class Meta:
        verbose_name_plural = "punctuality"

    def __str__(self) -> str:
        return f"{self.inside} of {self.jobs} in {self.lane}"


class Service(models.Model):
    """What the service takes now: one row. `checked_at` is when a conductor last decided `level`.

    An operator's `pinned` level stands over the decided one until it is taken away.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    level = models.PositiveSmallIntegerField(default=0)
    pinned = models.PositiveSmallIntegerField(null=True)
    cause = models.CharField(max_length=200, blank=True)
    since = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    drain_seconds = models.PositiveIntegerField(default=0, help_text="Work that waits, for each slot.")
    paused_lanes = ArrayField(models.CharField(max_length=10), default=list)
    closed_models = ArrayField(models.CharField(max_length=80), default=list)

    class Meta:
        verbose_name = verbose_name_plural = "service"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="generation_service_one_row"),
            models.CheckConstraint(
                condition=Q(level__lte=4) & (Q(pinned=None) | Q(pinned__lte=4)), name="generation_service_level_known"
            ),
        ]

    def __str__(self) -> str:
        return f"level {self.level if self.pinned is None else self.pinned}"
