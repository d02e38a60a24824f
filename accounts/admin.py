from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.http import HttpRequest
from django.utils import timezone
from guardian.admin import GuardedModelAdmin

from accounts import workspaces
from accounts.models import ApiKey, AuditEvent, Entitlement, Membership, User, Workspace
from core.admin import ReadOnlyAdmin, ReadOnlyInline


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


class _Entitlement(admin.StackedInline[Entitlement, Workspace]):
    model = Entitlement
    can_delete = False


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
