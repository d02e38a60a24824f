from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import audit
from core.admin import ReadOnlyAdmin
from core.errors import DomainError
from core.ids import to_public
from generation import dead_letters
from generation.dead_letters import Resolved
from generation.models import DeadLetter

_SHOWN = 5


class ReasonForm(ActionForm):
    """Every deed of an operator has a reason; people read that of a refund in their statement."""

    reason = forms.CharField(max_length=200, required=False, widget=forms.TextInput(attrs={"placeholder": "Reason"}))


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin[DeadLetter]):
    """Work that was given up. Select letters, or all that a filter leaves, and say what becomes of their jobs."""

    list_display = ("at", "cause", "model", "pipeline", "workspace", "job", "attempts", "state", "resolved_by")
    list_filter = ("state", "cause", "category", "pipeline", "model", "at")
    search_fields = ("=job__id", "=workspace__id", "=payload_digest")
    list_select_related = ("workspace",)
    ordering = ("-at",)
    action_form = ReasonForm
    actions = ("replay", "refund", "discard")
    change_list_template = "admin/generation/deadletter/change_list.html"

    @admin.display(description="attempts")
    def attempts(self, letter: DeadLetter) -> int:
        return len(letter.trail)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "groups": dead_letters.groups()})

    @admin.action(description="Replay their jobs, at most for the price of then", permissions=["resolve"])
    def replay(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        self._resolve(request, letters, dead_letters.replay, "job.replayed")

    @admin.action(description="Refund what their jobs captured", permissions=["resolve"])
    def refund(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        self._resolve(request, letters, dead_letters.refund, "job.refunded")

    @admin.action(description="Discard", permissions=["resolve"])
    def discard(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        self._resolve(request, letters, dead_letters.discard, "job.discarded")

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("generation.change_deadletter"))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        found: dict[str, Any] = super().get_actions(request)
        found.pop("delete_selected", None)
        return found

    def _resolve(
        self, request: HttpRequest, letters: QuerySet[DeadLetter], verb: Callable[..., Resolved], action: str
    ) -> None:
        reason, now, actor = request.POST.get("reason", "").strip(), timezone.now(), f"user:{request.user.pk}"
        jobs = dead_letters.of(letters)
        try:
            came = verb(job_ids=jobs[: dead_letters.MOST_AT_ONCE], actor=actor, reason=reason, at=now)
        except DomainError as exc:
            messages.error(request, "; ".join(fault["reason"] for fault in exc.extra.get("errors", [])) or exc.detail)
            return
        audit.record(action=action, actor=actor, at=now, target=f"{came.jobs} jobs", reason=reason)
        messages.success(request, f"{came.jobs} jobs: done. {came.credits} credits went back.")
        for job_id, why in came.refused[:_SHOWN]:
            messages.warning(request, f"{to_public('gen', job_id)} stays open: {why}")
        rest = max(0, len(came.refused) - _SHOWN) + max(0, len(jobs) - dead_letters.MOST_AT_ONCE)
        if rest:
            messages.warning(request, f"{rest} more stay open. Run it again for those.")
