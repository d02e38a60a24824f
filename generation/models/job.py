from django.db import models
from django.db.models import F, Q

from core.ids import uuid7
from generation import state


class Job(models.Model):
    """What a person asked for, from acceptance to settlement. `input` holds their words: never log it.

    Every change of `state` is a compare-and-set in `generation/sql`, with an event and, at the end, the
    settlement of the hold in the same transaction.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", models.PROTECT, db_index=False, related_name="+")
    created_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+")
    api_key = models.ForeignKey("accounts.ApiKey", models.SET_NULL, null=True, db_index=False, related_name="+")
    sandbox = models.BooleanField(default=False)
    pipeline = models.CharField(max_length=20)
    model_requested = models.CharField(max_length=120)
    model = models.CharField(max_length=120, help_text="The public model with its pin.")
    revision = models.ForeignKey("providers.ModelRevision", models.PROTECT, db_index=False, related_name="+")
    input = models.JSONField()
    asked = models.PositiveSmallIntegerField(help_text="How many outputs were ordered.")
    lane = models.CharField(max_length=10)
    place = models.CharField(
        max_length=8, choices=[(name, name) for name in state.PLACE_ALL], default=state.PLACE_HELD,
        help_text="whether it holds one of its workspace's places to run, wants one, or is parked and has none",
    )  # fmt: skip
    admitted_at = models.DateTimeField(null=True, help_text="when it first had a place; later its lane's turn counts")
    state = models.CharField(max_length=20, choices=[(name, name) for name in state.ALL], default=state.QUEUED)
    stop_cause = models.CharField(max_length=20, blank=True, help_text="cancel, start_deadline or deadline")
    seq = models.PositiveIntegerField(default=1)
    hold = models.OneToOneField("credits.Hold", models.PROTECT, related_name="+")
    quoted = models.PositiveBigIntegerField()
    captured = models.PositiveBigIntegerField(default=0)
    released = models.PositiveBigIntegerField(default=0)
    charge_reason = models.CharField(max_length=60, blank=True)
    outputs = models.JSONField(default=list)
    error = models.JSONField(null=True)
    start_deadline_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField()
    allow_fallback = models.BooleanField(default=True, help_text="May a like model make it when this one cannot.")
    external_id = models.CharField(max_length=120, blank=True)
    metadata = models.JSONField(default=dict)
    visibility = models.CharField(max_length=10, default="private")
    parent = models.ForeignKey("self", models.SET_NULL, null=True, db_index=False, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(
        null=True, help_text="when the first attempt began that its provider did not send away for want of room"
    )
    completed_at = models.DateTimeField(null=True)
    trashed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=state.ALL), name="generation_job_state_known"),
            models.CheckConstraint(condition=Q(place__in=state.PLACE_ALL), name="generation_job_place_known"),
            models.CheckConstraint(
                condition=Q(quoted__gte=F("captured") + F("released")), name="generation_job_charge_within_quote"
            ),
            models.CheckConstraint(
                condition=Q(state__in=state.LIVE, completed_at=None)
                | (Q(state__in=state.TERMINAL, completed_at__isnull=False) & Q(quoted=F("captured") + F("released"))),
                name="generation_job_terminal_is_settled",
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "sandbox", "-id"], condition=Q(trashed_at=None), name="generation_job_feed"
            ),
            models.Index(fields=["workspace"], condition=Q(state__in=state.LIVE), name="generation_job_live"),
            models.Index(
                fields=["workspace", "sandbox", "id"],
                condition=Q(place=state.PLACE_WANTED, completed_at=None),
                name="generation_job_wanting",
            ),
            models.Index(
                fields=["start_deadline_at"],
                condition=Q(started_at=None, completed_at=None, start_deadline_at__isnull=False),
                name="generation_job_unstarted",
            ),
            models.Index(fields=["deadline_at"], condition=Q(state__in=state.LIVE), name="generation_job_due"),
            models.Index(
                fields=["completed_at"],
                condition=Q(captured=0, completed_at__isnull=False),
                name="generation_job_unpaid_ending",
            ),
            models.Index(fields=["parent"], condition=Q(parent__isnull=False), name="generation_job_again"),
            models.Index(
                fields=["workspace", "external_id"], condition=~Q(external_id=""), name="generation_job_external"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pipeline} {self.id} {self.state}"
