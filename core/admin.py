"""Admin pages that show and do not change: for everything that moves only through a verb of its app."""

from typing import Any, TypeVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from core.ids import from_public

M = TypeVar("M", bound=Model)


class ReadOnlyAdmin(admin.ModelAdmin[M]):
    """No add, no change, no delete; actions call verbs. Counting is skipped: large tables are paged by date."""

    show_full_result_count = False
    actions: Any = None

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[M], search_term: str) -> Any:
        """An id may be given as the API shows it: `gen_…` finds the row as its UUID does."""
        plain = " ".join(str(from_public(word.rpartition("_")[0], word) or word) for word in search_term.split())
        return super().get_search_results(request, queryset, plain)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline[M, Any]):
    """Rows of a read-only page."""

    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
