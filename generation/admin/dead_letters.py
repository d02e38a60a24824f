from collections.abc import Callable, Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts import audit
from core.admin import ReadOnlyAdmin
from core.errors import DomainError
from core.ids import to_public
from generation import dead_letters
from generation.dead_letters import Resolved
from generation.models import DeadLetter
from generation.models.dead_letter import DISCARDED, OPEN, REFUNDED, REPLAYED

_SHOWN = 5
_STATES = (OPEN, REPLAYED, REFUNDED, DISCARDED)


class ReasonForm(ActionForm):
    """Every deed of an operator has a reason; people read that of a refund in their statement."""

    reason = forms.CharField(max_length=200, required=False, widget=forms.TextInput(attrs={"placeholder": "Reason"}))


class StateFilter(admin.SimpleListFilter):
    """Open letters unless something else is asked for: a resolved one needs nobody."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((name, name) for name in _STATES), ("all", "all")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
        chosen = self._chosen()
        return queryset if chosen == "all" else queryset.filter(state=chosen)

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        chosen = self._chosen()
        for name, label in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: name})
            yield {"selected": name == chosen, "query_string": query, "display": label}

    def _chosen(self) -> str:
        return self.value() or OPEN


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin[DeadLetter]):
    """Work that was given up. Select letters, or all that a filter leaves, and say what becomes of their jobs."""

    list_display = ("when", "state", "cause", "model", "attempts", "generation")
    list_filter = (StateFilter, "cause", "category", "pipeline", "model", "at")
    search_fields = ("=job__id", "=workspace__id", "=payload_digest")
    ordering = ("-at",)
    action_form = ReasonForm
    actions = ("replay", "refund", "discard")
    change_list_template = "admin/generation/deadletter/change_list.html"

    @admin.display(description="at (UTC)", ordering="at")
    def when(self, letter: DeadLetter) -> str:
        return f"{letter.at:%Y-%m-%d %H:%M}"

    @admin.display(description="job")
    def generation(self, letter: DeadLetter) -> str:
        # The end tells jobs apart, and leaves room for the other columns.
        address, public = reverse("admin:generation_job_change", args=[letter.job_id]), to_public("gen", letter.job_id)
        return format_html('<a href="{}" title="{}">…{}</a>', address, public, public[-6:])

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
        if came.nothing:
            messages.warning(request, f"{came.nothing} of them had captured nothing, so nothing went back for them.")
        for job_id, why in came.refused[:_SHOWN]:
            messages.warning(request, f"{to_public('gen', job_id)} stays open: {why}")
        rest = max(0, len(came.refused) - _SHOWN) + max(0, len(jobs) - dead_letters.MOST_AT_ONCE)
        if rest:
            messages.warning(request, f"{rest} more stay open. Run it again for those.")
