from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit
from core.admin import ReadOnlyAdmin, ReadOnlyInline
from generation import submission
from generation.models import Attempt, Event, Job, Step

_MOST_AT_ONCE = 200


class _Steps(ReadOnlyInline[Step]):
    model = Step
    fields = ("name", "state", "tries", "lost_leases", "price", "settled", "lease_owner", "started_at", "finished_at")


class _Events(ReadOnlyInline[Event]):
    model = Event
    fields = ("seq", "type", "data", "at")
    show_change_link = False


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin[Job]):
    """Jobs with their steps and events. People's words are not shown: support works by ids and causes."""

    list_display = ("id", "workspace", "pipeline", "model", "state", "quoted", "captured", "released", "cause",
                    "created_at", "completed_at")  # fmt: skip
    list_filter = ("state", "pipeline", "lane", "sandbox")
    search_fields = ("=id", "=workspace__id", "external_id", "created_by__email")
    list_select_related = ("workspace",)
    ordering = ("-id",)
    exclude = ("input", "metadata")
    inlines = (_Steps, _Events)
    actions = ("cancel_jobs",)

    @admin.display(description="cause")
    def cause(self, job: Job) -> str:
        return str((job.error or {}).get("code", ""))

    @admin.action(description="Cancel the selected jobs (what has not begun is free)", permissions=["cancel"])
    def cancel_jobs(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        now = timezone.now()
        chosen = list(jobs.filter(completed_at=None)[:_MOST_AT_ONCE])
        for job in chosen:
            submission.cancel_job(workspace_id=job.workspace_id, job_id=job.id, at=now)
            audit.record(action="job.canceled", actor=f"user:{request.user.pk}", at=now,
                         workspace_id=job.workspace_id, target=f"job:{job.id}")  # fmt: skip
        messages.success(request, f"{len(chosen)} jobs were canceled or asked to stop.")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("generation.change_job"))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        found: dict[str, Any] = super().get_actions(request)
        found.pop("delete_selected", None)
        return found


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin[Attempt]):
    """Every try on every route: which worker, what came of it, what it cost."""

    list_display = ("started_at", "step", "no", "revision", "outcome", "error_code", "provider_code", "worker",
                    "cost_usd_micros", "finished_at")  # fmt: skip
    list_filter = ("outcome", "error_code")
    search_fields = ("=id", "=step__job__id", "worker")
    list_select_related = ("step", "revision")
    ordering = ("-started_at",)
