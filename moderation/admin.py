from django.contrib import admin

from core.admin import ReadOnlyAdmin
from moderation.models import Rule, Screening


@admin.register(Rule)
class RuleAdmin(admin.ModelAdmin[Rule]):
    """Phrases that are refused before anything is held. A change works within five seconds."""

    list_display = ("phrase", "category", "enabled", "created_at")
    list_filter = ("category", "enabled")
    list_editable = ("enabled",)
    search_fields = ("phrase",)


@admin.register(Screening)
class ScreeningAdmin(ReadOnlyAdmin[Screening]):
    list_display = ("at", "stage", "verdict", "category", "rule", "workspace")
    list_filter = ("verdict", "category")
    list_select_related = ("rule", "workspace")
