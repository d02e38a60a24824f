from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit
from core.admin import ReadOnlyAdmin
from core.errors import DomainError, FieldsRejected
from core.secrets import Secret
from providers import catalog, connecting
from providers.connecting import Draft
from providers.models import Connection, ModelCard, ModelRevision


@admin.register(ModelCard)
class ModelCardAdmin(admin.ModelAdmin[ModelCard]):
    """What the operator decides about a model; what it is comes from files, its price from the rate card."""

    list_display = ("slug", "pipeline", "revision", "status", "position", "updated_at")
    list_filter = ("pipeline", "status")
    list_select_related = ("revision",)
    search_fields = ("slug",)
    fields = ("slug", "pipeline", "revision", "status", "position", "retires_at", "successor")
    readonly_fields = ("slug", "pipeline", "revision")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ModelCard | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ModelCard, form: object, change: bool) -> None:  # noqa: FBT001
        now = timezone.now()
        obj.updated_at = now
        obj.save()
        audit.record(
            action="model.changed", actor=f"user:{request.user.pk}", at=now, target=f"model:{obj.slug}",
            reason=f"{obj.status}, position {obj.position}",
        )  # fmt: skip
        catalog.forget()


@admin.register(ModelRevision)
class ModelRevisionAdmin(ReadOnlyAdmin[ModelRevision]):
    list_display = ("slug", "version", "id", "created_at")
    search_fields = ("slug", "id")


class ConnectionForm(forms.ModelForm[Connection]):
    """The operator's way to a provider. Saved once the provider has answered."""

    secret = forms.CharField(
        required=False,
        widget=forms.PasswordInput,
        help_text="Stored sealed, never shown. Empty keeps what is there.",
    )
    untested = forms.BooleanField(required=False, help_text="Save it even if the provider does not answer now.")

    class Meta:
        model = Connection
        fields = ("kind", "name", "base_url", "options", "result_hosts", "concurrency", "status")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if self.errors:
            return given
        draft = Draft(
            kind=given["kind"], name=given["name"], base_url=given["base_url"],
            secret=Secret(given["secret"]) if given["secret"] else None, options=given["options"] or {},
            result_hosts=given["result_hosts"] or [], concurrency=given["concurrency"],
        )  # fmt: skip
        try:
            connecting.save(
                draft=draft, workspace_id=None, actor=self.actor, at=timezone.now(), untested=given["untested"],
                connection_id=None if self.instance._state.adding else self.instance.pk,
            )  # fmt: skip
        except FieldsRejected as exc:
            for fault in exc.extra["errors"]:
                self.add_error(fault["field"] if fault["field"] in self.fields else None, fault["reason"])
        return given

    actor = ""


@admin.register(Connection)
class ConnectionAdmin(admin.ModelAdmin[Connection]):
    """Ways to providers. Those of workspaces are theirs to change; the operator sees that they exist."""

    form = ConnectionForm
    list_display = ("name", "kind", "workspace", "status", "base_url", "checked_ok", "checked_at", "checked_detail")
    list_filter = ("status", "kind")
    list_select_related = ("workspace",)
    search_fields = ("name", "kind", "base_url")
    readonly_fields = ("secret_hint", "secret_env", "checked_at", "checked_ok", "checked_detail")
    actions = ("ask", "pause", "resume")

    def has_delete_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.workspace_id is None)

    def get_form(self, request: HttpRequest, obj: Connection | None = None, change: bool = False, **more: Any) -> Any:  # noqa: FBT001, FBT002
        form = super().get_form(request, obj, change, **more)
        return type(form.__name__, (form,), {"actor": f"user:{request.user.pk}"})

    def save_model(self, request: HttpRequest, obj: Connection, form: object, change: bool) -> None:  # noqa: FBT001
        """The form has saved it, by the verb."""

    @admin.action(description="Ask the provider whether it knows us")
    def ask(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        for row in queryset:
            found = connecting.test(connection_id=row.pk, workspace_id=row.workspace_id, at=timezone.now())
            level = messages.SUCCESS if found.checked_ok else messages.ERROR
            self.message_user(request, f"{found.name}: {found.checked_detail or 'it answers'}", level)

    @admin.action(description="Pause: nothing new goes there")
    def pause(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        self._switch(request, queryset, on=False)

    @admin.action(description="Let it serve again")
    def resume(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        self._switch(request, queryset, on=True)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Connection], *, on: bool) -> None:
        for row in queryset:
            try:
                connecting.switch(
                    connection_id=row.pk, workspace_id=row.workspace_id, on=on, actor=f"user:{request.user.pk}",
                    at=timezone.now(),
                )  # fmt: skip
            except DomainError as exc:
                self.message_user(request, exc.title, messages.ERROR)
