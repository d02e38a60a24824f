from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from core.ids import uuid7
from generation import state


class Step(models.Model):
    """A node of a job's static graph, and the unit that is claimed, leased, retried and priced.

    `attempt_no` grows with each claim and fences late workers; `tries` counts the attempts that began. `revision` and
    `connection_id` say which way it goes now; what was asked for stands in its job.
    `vtag` is the finish tag of the fair queue, given when the job has a place; `cost` is expected work in
    slot-milliseconds.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    job = models.ForeignKey("generation.Job", models.CASCADE, db_index=False, related_name="steps")
    name = models.CharField(max_length=40)
    kind = models.CharField(max_length=30)
    position = models.PositiveSmallIntegerField()
    depends_on = ArrayField(models.CharField(max_length=40), default=list)
    optional = models.BooleanField(default=False)
    revision = models.ForeignKey("providers.ModelRevision", models.PROTECT, db_index=False, related_name="+")
    connection_id = models.UUIDField(null=True, help_text="The connection of its last attempt, or that it must take.")
    route_reason = models.CharField(max_length=40, blank=True, default="", help_text="Why it goes another way.")
    charge = models.PositiveBigIntegerField(null=True, help_text="What it may cost at most on its present way.")
    placement = models.CharField(max_length=5)
    lane = models.CharField(max_length=10)
    params = models.JSONField()
    price = models.PositiveBigIntegerField()
    unit = models.CharField(max_length=20, blank=True)
    quantity = models.DecimalField(max_digits=14, decimal_places=4, default=0, help_text="What is metered, in `unit`.")
    settled = models.PositiveBigIntegerField(default=0)
    output_index = models.PositiveSmallIntegerField(null=True)
    state = models.CharField(max_length=12, choices=[(name, name) for name in state.STEP_ALL])
    vtag = models.BigIntegerField()
    cost = models.PositiveIntegerField()
    attempt_no = models.PositiveSmallIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    tries_elsewhere = models.PositiveSmallIntegerField(default=0, help_text="Tries on the ways before this one.")
    lost_leases = models.PositiveSmallIntegerField(default=0)
    lease_owner = models.CharField(max_length=80, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    next_run_at = models.DateTimeField(null=True)
    token = models.UUIDField(null=True, help_text="The attempt under way at a provider, to be gone on with.")
    error = models.JSONField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "name"], name="generation_step_once"),
            models.CheckConstraint(condition=Q(state__in=state.STEP_ALL), name="generation_step_state_known"),
            models.CheckConstraint(condition=Q(settled__lte=models.F("price")), name="generation_step_within_price"),
        ]
        indexes = [
            models.Index(
                fields=["placement", "lane", "vtag", "id"], condition=Q(state=state.STEP_READY),
                name="generation_step_fair_order",
            ),
            # The same within a model, for claims that must leave out what is at its limit.
            models.Index(
                fields=["placement", "lane", "revision", "vtag", "id"], condition=Q(state=state.STEP_READY),
                name="generation_step_by_model",
            ),
            # What goes on with an attempt at a provider, for lanes that are paused.
            models.Index(
                fields=["placement", "lane", "vtag", "id"],
                condition=Q(state=state.STEP_READY, token__isnull=False), name="generation_step_resumed",
            ),
            models.Index(
                fields=["lease_expires_at"], condition=Q(state__in=state.STEP_LEASED), name="generation_step_leases"
            ),
            models.Index(
                fields=["next_run_at"], condition=Q(state__in=state.STEP_TIMED, next_run_at__isnull=False),
                name="generation_step_timed",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.name} {self.state}"
