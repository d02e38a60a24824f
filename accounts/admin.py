from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from guardian.admin import GuardedModelAdmin

from accounts import limits, plans, workspaces
from accounts.models import ApiKey, AuditEvent, Entitlement, Membership, Plan, User, Workspace
from core.admin import ReadOnlyAdmin, ReadOnlyInline
from core.errors import FieldsRejected


class _LowerCase:
    """One person is one row, however an operator writes the address."""

    cleaned_data: dict[str, str]

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()


class _NewUser(_LowerCase, AdminUserCreationForm[User]):
    class Meta:
        model = User
        fields = ("email",)


class _ChangeUser(_LowerCase, UserChangeForm[User]):
    class Meta:
        model = User
        fields = ("email", "name", "is_active", "is_staff", "is_superuser", "groups")


class _Memberships(ReadOnlyInline[Membership]):
    model = Membership
    fields = ("workspace", "user", "role", "created_at")


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    """People. Deactivating one ends their sessions and keys with the next request."""

    add_form, form = _NewUser, _ChangeUser
    ordering = ("-date_joined",)
    list_display = ("email", "name", "is_active", "is_staff", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name", "=id")
    inlines = (_Memberships,)
    readonly_fields = ("date_joined", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Dates", {"fields": ("date_joined", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """People are deactivated; their jobs and the ledger's past stay."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: object, change: bool) -> None:  # noqa: FBT001
        """A person added here gets a workspace too, without the newcomer's credits."""
        obj.save()
        if workspaces.default_for(user_id=obj.id) is None:
            name = workspaces.personal_name(obj)
            workspaces.create_personal(user_id=obj.id, name=name, at=timezone.now(), welcome=False)


class _PlanForm(forms.ModelForm[Plan]):
    # No field of the model: its constraint would refuse a second default before the verb has moved it.
    default = forms.BooleanField(required=False, label="New workspaces begin on it")

    class Meta:
        model = Plan
        fields = ("slug", "name", "position", "limits")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["default"].initial = self.instance.is_default

    def clean_limits(self) -> dict[str, Any]:
        return _accepted(limits.checked_plan, self.cleaned_data["limits"])

    def clean_default(self) -> bool:
        wanted: bool = self.cleaned_data["default"]
        if self.instance.is_default and not wanted:
            raise ValidationError("Make another plan the default instead.")
        return wanted


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin[Plan]):
    """Plans and their limits. None is deleted: the audit trail names them."""

    form = _PlanForm
    list_display = ("name", "slug", "position", "is_default", "updated_at")
    ordering = ("position", "slug")

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> tuple[str, ...]:
        return ("slug",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:  # noqa: FBT001
        terms = plans.Terms(obj.slug, obj.name, obj.limits, obj.position, form.cleaned_data["default"])
        plans.save(terms=terms, actor=f"user:{request.user.pk}", at=timezone.now())


class _EntitlementForm(forms.ModelForm[Entitlement]):
    class Meta:
        model = Entitlement
        fields = ("plan", "overrides")

    def clean_overrides(self) -> dict[str, Any]:
        return _accepted(limits.checked_overrides, self.cleaned_data["overrides"] or {})


class _Entitlement(admin.StackedInline[Entitlement, Workspace]):
    model = Entitlement
    form = _EntitlementForm
    can_delete = False


def _accepted(check: Any, given: Any) -> dict[str, Any]:
    """Limits that the schema takes, or every fault by name on the form."""
    if not isinstance(given, dict):
        raise ValidationError("It must be a JSON object.")
    try:
        taken: dict[str, Any] = check(given)
    except FieldsRejected as exc:
        raise ValidationError([f"{item['field']}: {item['reason']}" for item in exc.extra["errors"]]) from exc
    return taken


@admin.register(Workspace)
class WorkspaceAdmin(GuardedModelAdmin):
    """Workspaces, with what each may use."""

    list_display = ("name", "kind", "created_at")
    list_filter = ("kind",)
    search_fields = ("name", "=id", "memberships__user__email")
    readonly_fields = ("id", "created_at")
    inlines = (_Entitlement, _Memberships)

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_delete_permission(self, request: object, obj: Workspace | None = None) -> bool:
        return False

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: FBT001
        """A plan and overrides are changed by their verbs, which leave an audit event."""
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        now, actor = timezone.now(), f"user:{request.user.pk}"
        for row in formset.forms:
            if row.has_changed():
                wanted = row.cleaned_data
                kept = plans.overrides_of(form.instance.pk)
                plans.assign(workspace_id=form.instance.pk, plan=wanted["plan"].pk, actor=actor, at=now)
                plans.override(
                    workspace_id=form.instance.pk, changes=wanted["overrides"], actor=actor, at=now,
                    forget=kept.keys() - wanted["overrides"].keys(),
                )  # fmt: skip
                formset.changed_objects.append((row.instance, row.changed_data))


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin[ApiKey]):
    list_display = ("name", "prefix", "workspace", "sandbox", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("sandbox",)
    search_fields = ("prefix", "name", "=workspace__id")
    list_select_related = ("workspace",)
    exclude = ("secret_hash",)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin[AuditEvent]):
    list_display = ("at", "action", "actor", "target", "reason", "workspace")
    list_filter = ("action",)
    search_fields = ("actor", "target", "=workspace__id")
    list_select_related = ("workspace",)
