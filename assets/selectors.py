"""Reading assets: the gallery by key, one asset, its neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from assets import delivery
from assets.models import Asset, Rendition
from assets.renditions import SIZES
from core.errors import NotFound


@dataclass(frozen=True, slots=True)
class AssetView:
    """An asset with links that work for a while."""

    id: UUID
    source_id: UUID
    source_index: int
    kind: str
    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    caption: str
    model: str
    meta: dict[str, Any]
    created_at: datetime
    urls: dict[str, str]


def gallery(
    *, workspace_id: UUID, sandbox: bool, at: datetime, before: UUID | None = None, limit: int = 20, query: str = ""
) -> list[AssetView]:
    """Available assets, newest first, older than id `before`; `query` keeps captions that contain its words."""
    rows = _of(workspace_id, sandbox).filter(state=Asset.State.AVAILABLE)
    if before is not None:
        rows = rows.filter(id__lt=before)
    for word in query.split()[:8]:
        rows = rows.filter(caption__icontains=word)
    return [_view(row, at) for row in rows.order_by("-id")[:limit]]


def trashed(*, workspace_id: UUID, sandbox: bool, at: datetime, limit: int = 100) -> list[AssetView]:
    """What was moved to the trash, the last first."""
    rows = _of(workspace_id, sandbox).filter(state=Asset.State.TRASHED).order_by("-trashed_at", "-id")
    return [_view(row, at) for row in rows[:limit]]


def get(*, workspace_id: UUID, asset_id: UUID, sandbox: bool, at: datetime) -> AssetView:
    """One asset of this workspace, or NotFound, also for somebody else's."""
    return _view(_one(workspace_id, asset_id, sandbox), at)


def content_link(*, workspace_id: UUID, asset_id: UUID, sandbox: bool, variant: str, at: datetime) -> str:
    """A short-lived link to one version. A version that was not made is NotFound."""
    urls = _view(_one(workspace_id, asset_id, sandbox), at).urls
    if variant not in urls:
        raise NotFound(f"This asset has no {variant[:20]} version.")
    return urls[variant]


def download_link(*, workspace_id: UUID, asset_id: UUID, sandbox: bool, at: datetime) -> str:
    """A link that saves the original under a speaking name."""
    row = _one(workspace_id, asset_id, sandbox)
    ending = row.storage_key.rsplit(".", 1)[-1]
    name = f"wildmind-{row.id.hex[-8:]}.{ending}"
    return delivery.link(storage_key=row.storage_key, at=at, download_as=name)


def neighbours(*, workspace_id: UUID, sandbox: bool, asset_id: UUID) -> tuple[UUID | None, UUID | None]:
    """The next newer and the next older available asset."""
    rows = Asset.objects.filter(workspace_id=workspace_id, sandbox=sandbox, state=Asset.State.AVAILABLE)
    newer = rows.filter(id__gt=asset_id).order_by("id").values_list("id", flat=True).first()
    older = rows.filter(id__lt=asset_id).order_by("-id").values_list("id", flat=True).first()
    return newer, older


def of_sources(*, source_ids: Sequence[UUID], at: datetime) -> dict[tuple[UUID, int], AssetView]:
    """The available outputs of some jobs, by job and number, in two statements."""
    rows = Asset.objects.filter(source_id__in=source_ids, state=Asset.State.AVAILABLE).prefetch_related(_RENDITIONS)
    return {(row.source_id, row.source_index): _view(row, at) for row in rows}


_RENDITIONS = Prefetch("renditions", queryset=Rendition.objects.only("asset_id", "variant", "storage_key"))


def _of(workspace_id: UUID, sandbox: bool) -> QuerySet[Asset]:  # noqa: FBT001 - private, named where it is called
    return Asset.objects.filter(workspace_id=workspace_id, sandbox=sandbox).prefetch_related(_RENDITIONS)


def _one(workspace_id: UUID, asset_id: UUID, sandbox: bool) -> Asset:  # noqa: FBT001
    row = _of(workspace_id, sandbox).filter(id=asset_id, state=Asset.State.AVAILABLE).first()
    if row is None:
        raise NotFound
    return row


def _view(row: Asset, at: datetime) -> AssetView:
    original = delivery.link(storage_key=row.storage_key, at=at)
    urls = {"original": original}
    if row.kind == "image":
        # Until a worker has made them, a picture is its own smaller version.
        urls |= dict.fromkeys(SIZES, original)
    urls |= {item.variant: delivery.link(storage_key=item.storage_key, at=at) for item in row.renditions.all()}
    return AssetView(
        id=row.id, source_id=row.source_id, source_index=row.source_index, kind=row.kind, media_type=row.media_type,
        width=row.width, height=row.height, size_bytes=row.size_bytes, sha256=row.sha256, caption=row.caption,
        model=row.model, meta=row.meta, created_at=row.created_at, urls=urls,
    )  # fmt: skip
