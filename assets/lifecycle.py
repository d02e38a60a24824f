"""Files that no row names, and rows whose file is gone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.files.storage import default_storage
from django.db.models import Count, Sum

from assets.models import Asset, Rendition

# A worker writes files before the rows that name them: younger files may still get theirs.
GRACE = timedelta(hours=24)
_ROOT = "o"


@dataclass(frozen=True, slots=True)
class Swept:
    """Orphans are files without a row; dangling are keys of rows without a file."""

    orphans: tuple[str, ...]
    dangling: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a workspace stores: originals and, apart, their smaller versions."""

    workspace_id: str
    assets: int
    size_bytes: int
    rendition_bytes: int


def sweep_orphans(*, at: datetime, dry_run: bool) -> Swept:
    """Deletes files older than a day that no row names, and reports rows whose file is missing."""
    present = set(_files(_ROOT))
    named = set(Asset.objects.values_list("storage_key", flat=True))
    named |= set(Rendition.objects.values_list("storage_key", flat=True))
    orphans = sorted(key for key in present - named if at - default_storage.get_modified_time(key) > GRACE)
    if not dry_run:
        for key in orphans:
            default_storage.delete(key)
    return Swept(tuple(orphans), tuple(sorted(named - present)))


def usage() -> list[Usage]:
    """Stored bytes by workspace, the largest first."""
    smaller = dict(Rendition.objects.values_list("asset__workspace_id").annotate(Sum("size_bytes")))
    rows = Asset.objects.values_list("workspace_id").annotate(count=Count("id"), size=Sum("size_bytes"))
    found = [Usage(str(owner), count, size, smaller.get(owner, 0)) for owner, count, size in rows]
    return sorted(found, key=lambda item: -item.size_bytes)


def _files(folder: str) -> Iterator[str]:
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in files:
        yield f"{folder}/{name}"
    for name in folders:
        yield from _files(f"{folder}/{name}")
