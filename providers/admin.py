from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit
from core.admin import ReadOnlyAdmin
from providers import catalog
from providers.models import ModelCard, ModelRevision


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
