"""The verbs of stored media: store a result, trash it. Its smaller versions are `rendering`'s.

Bytes go to storage first; their rows follow in the caller's transaction.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from assets import rendering
from assets.fitting import fitted
from assets.models import Asset
from assets.renditions import size_of_image
from core.errors import NotFound
from core.ids import uuid7

_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


@dataclass(frozen=True, slots=True)
class Source:
    """What made a result: the job, the number of the output, and for whom."""

    workspace_id: UUID
    sandbox: bool
    source_id: UUID
    index: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A result whose bytes are safe, not yet known to the database."""

    source: Source
    asset_id: UUID
    media_type: str
    storage_key: str
    size_bytes: int
    sha256: str
    width: int
    height: int
    meta: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """A stored result with the words it was made from and the pinned public model that made it."""

    stored: Stored
    caption: str
    model: str


def store_output(
    *, source: Source, content: bytes, media_type: str, meta: Mapping[str, Any], size: tuple[int, int] | None = None
) -> Stored:
    """Checks a result, makes it the size that was asked for if one was, writes it and says where. Does not touch the
    database.

    Keys follow from the job, the output and the content: doing it twice writes the same files, and
    whatever no row ever names is found by a sweep. Raises assets.errors.UnreadableOutput.
    """
    if size is not None:
        content = fitted(content, media_type, size)
    width, height = size_of_image(content, media_type)
    digest = hashlib.sha256(content).hexdigest()
    stem = f"o/{source.workspace_id.hex[-2:]}/{source.source_id.hex}/{source.index}-{digest[:16]}"
    key = f"{stem}.{_ENDINGS[media_type]}"
    default_storage.save(key, ContentFile(content))
    return Stored(source, uuid7(), media_type, key, len(content), digest, width, height, meta)


def record(results: Sequence[Result], *, at: datetime) -> None:
    """Adds the rows of stored results, in one statement. Part of the transaction that settles their jobs; workers make
    the smaller versions once that is durable."""
    Asset.objects.bulk_create(_row(result, at) for result in results)
    rendering.ask(asset_ids=[result.stored.asset_id for result in results])


def _row(result: Result, at: datetime) -> Asset:
    stored, source = result.stored, result.stored.source
    return Asset(
        id=stored.asset_id, workspace_id=source.workspace_id, sandbox=source.sandbox, source_id=source.source_id,
        source_index=source.index, kind=stored.media_type.split("/")[0], media_type=stored.media_type,
        storage_key=stored.storage_key, size_bytes=stored.size_bytes, sha256=stored.sha256, width=stored.width,
        height=stored.height, caption=result.caption, model=result.model, meta=dict(stored.meta), created_at=at,
        render_due_at=at + rendering.GRACE,
    )  # fmt: skip


@transaction.atomic
def trash(*, workspace_id: UUID, asset_id: UUID, at: datetime) -> None:
    """Takes an asset out of the gallery. It can be restored; trashing twice changes nothing."""
    changed = Asset.objects.filter(id=asset_id, workspace_id=workspace_id, state=Asset.State.AVAILABLE).update(
        state=Asset.State.TRASHED, trashed_at=at
    )
    if not changed and not Asset.objects.filter(id=asset_id, workspace_id=workspace_id).exists():
        raise NotFound


@transaction.atomic
def restore(*, workspace_id: UUID, asset_id: UUID) -> None:
    """Brings a trashed asset back."""
    Asset.objects.filter(id=asset_id, workspace_id=workspace_id, state=Asset.State.TRASHED).update(
        state=Asset.State.AVAILABLE, trashed_at=None
    )
