from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from accounts import audit
from accounts.limits import LANES
from core.admin import ReadOnlyAdmin, ReadOnlyInline
from core.errors import DomainError
from generation import make_good, service, submission
from generation.make_good import Window
from generation.models import Attempt, Event, Job, MadeGood, Service, Step
from providers import catalog

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


class MakeGoodForm(forms.Form):
    """Which failed jobs, and what their people are given."""

    since = forms.SplitDateTimeField(widget=AdminSplitDateTime, label="Jobs that ended from")
    until = forms.SplitDateTimeField(widget=AdminSplitDateTime, label="until")
    model = forms.CharField(max_length=80, required=False, help_text="A model's id; all if left empty.")
    causes = forms.MultipleChoiceField(choices=[(cause, cause) for cause in make_good.CAUSES], initial=make_good.CAUSES)
    percent = forms.IntegerField(min_value=1, max_value=make_good.MOST_PERCENT, initial=100,
                                 help_text="Of what each job was quoted.")  # fmt: skip
    days = forms.IntegerField(min_value=1, max_value=3650, initial=90, help_text="How long the credits live.")
    incident = forms.CharField(max_length=80, help_text="Its name in the journal, e.g. a ticket.")
    reason = forms.CharField(max_length=200, help_text="Shown to the people.")

    def window(self) -> Window:
        data = self.cleaned_data
        return Window(data["since"], data["until"], data["percent"], data["model"], data["causes"])


@admin.register(MadeGood)
class MadeGoodAdmin(ReadOnlyAdmin[MadeGood]):
    """Jobs that were made good. A window of failures is previewed, then granted; a job counts once."""

    list_display = ("job", "incident", "credits", "at")
    search_fields = ("=job__id", "incident")
    ordering = ("-at",)
    change_list_template = "admin/generation/madegood/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        window = path("window/", self.admin_site.admin_view(self.window_view), name="generation_madegood_window")
        return [window, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        may = request.user.has_perm("credits.change_wallet")
        return super().changelist_view(request, {**(extra_context or {}), "may_grant": may})

    def window_view(self, request: HttpRequest) -> HttpResponse:
        """Shows what would be granted; grants when asked from there."""
        if not request.user.has_perm("credits.change_wallet"):
            raise PermissionDenied
        form = MakeGoodForm(request.POST or None)
        shares = None
        if request.method == "POST" and form.is_valid():
            try:
                shares = make_good.preview(form.window())
                if "apply" in request.POST:
                    self._apply(request, form)
                    return HttpResponseRedirect(reverse("admin:generation_madegood_changelist"))
            except DomainError as exc:
                form.add_error(None, exc.detail)
        context = {
            **self.admin_site.each_context(request), "form": form, "opts": self.opts, "shares": shares,
            "title": "Make good for failed jobs", "jobs": sum(share.jobs for share in shares or ()),
            "credits": sum(share.credits for share in shares or ()),
        }  # fmt: skip
        return render(request, "admin/generation/madegood/window.html", context)

    def _apply(self, request: HttpRequest, form: MakeGoodForm) -> None:
        data, now, actor = form.cleaned_data, timezone.now(), f"user:{request.user.pk}"
        made = make_good.make_good(
            window=form.window(), incident=data["incident"], lifetime=timedelta(days=data["days"]),
            reason=data["reason"], actor=actor, at=now,
        )  # fmt: skip
        credits, jobs = sum(share.credits for share in made), sum(share.jobs for share in made)
        if made:
            audit.record(action="credits.made_good", actor=actor, at=now, target=data["incident"],
                         reason=f"{credits} credits for {jobs} jobs: {data['reason']}")  # fmt: skip
        messages.success(request, f"Granted {credits} credits to {len(made)} workspaces for {jobs} jobs.")


class ServiceForm(forms.Form):
    """What an operator may decide about the service."""

    pinned = forms.TypedChoiceField(
        label="Level", required=False, coerce=int, empty_value=None,
        choices=[("", "Decided by load and errors"), *((level, f"{level}: {words}") for level, words in
                                                       enumerate(service.WORDS))],
    )  # fmt: skip
    paused_lanes = forms.MultipleChoiceField(
        required=False, choices=[(lane, lane) for lane in LANES], widget=forms.CheckboxSelectMultiple,
        help_text="Their jobs wait and are not lost.",
    )  # fmt: skip
    closed_models = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, help_text="Nothing new is taken for them."
    )
    reason = forms.CharField(max_length=200, help_text="For the audit trail, and for everybody while a level is set.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        slugs = sorted({card.revision.slug for card in catalog.every()} | set(self.initial.get("closed_models", ())))
        self.fields["closed_models"].choices = [(slug, slug) for slug in slugs]  # type: ignore[attr-defined]


@admin.register(Service)
class ServiceAdmin(ReadOnlyAdmin[Service]):
    """What the service takes now. A level is pinned, a lane paused or a model closed by verbs that are audited."""

    list_display = ("__str__", "level", "pinned", "cause", "since", "drain_seconds", "paused_lanes", "closed_models")
    change_list_template = "admin/generation/service/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        change = path("set/", self.admin_site.admin_view(self.set_view), name="generation_service_set")
        return [change, *super().get_urls()]

    def set_view(self, request: HttpRequest) -> HttpResponse:
        """Shows what holds, and changes it."""
        if not request.user.has_perm("generation.change_service"):
            raise PermissionDenied
        now, actor = timezone.now(), f"user:{request.user.pk}"
        stand = service.current(at=now)
        held = {"pinned": stand.level if stand.pinned else None, "paused_lanes": sorted(stand.paused_lanes),
                "closed_models": sorted(stand.closed_models)}  # fmt: skip
        form = ServiceForm(request.POST or None, initial=held)
        if request.method == "POST" and form.is_valid():
            data = form.cleaned_data
            if data["pinned"] != held["pinned"]:
                service.pin(level=data["pinned"], actor=actor, reason=data["reason"], at=now)
            service.close(
                lanes=data["paused_lanes"], models=data["closed_models"], actor=actor, reason=data["reason"], at=now
            )
            messages.success(request, "The service is set.")
            return HttpResponseRedirect(reverse("admin:generation_service_changelist"))
        context = {**self.admin_site.each_context(request), "form": form, "opts": self.opts, "stand": stand,
                   "title": "What the service takes"}  # fmt: skip
        return render(request, "admin/generation/service/set.html", context)
