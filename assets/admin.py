from django.contrib import admin

from assets.models import Asset, Rendition
from core.admin import ReadOnlyAdmin, ReadOnlyInline


class _Renditions(ReadOnlyInline[Rendition]):
    model = Rendition
    fields = ("variant", "media_type", "width", "height", "size_bytes", "storage_key")


@admin.register(Asset)
class AssetAdmin(ReadOnlyAdmin[Asset]):
    """Files by owner and origin. The words they were made from stay with their owner."""

    list_display = ("id", "workspace", "kind", "media_type", "width", "height", "size_bytes", "state", "created_at")
    list_filter = ("state", "kind", "sandbox")
    search_fields = ("=id", "=workspace__id", "=source_id", "sha256")
    list_select_related = ("workspace",)
    exclude = ("caption",)
    inlines = (_Renditions,)
