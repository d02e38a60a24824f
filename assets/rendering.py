"""Makes what assets lack of smaller versions, in workers, after the result itself is there."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from assets.errors import UnreadableOutput
from assets.models import Asset, Rendition
from assets.queues import MAKE_RENDITIONS
from assets.renditions import smaller

_log = structlog.get_logger(__name__)
# After this the first message is taken for lost.
GRACE = timedelta(minutes=1)
_AGAIN_AFTER = timedelta(minutes=10)
_GIVEN_UP_AFTER = timedelta(days=1)
_MENDED_AT_ONCE = 200
# Pictures in one message: some tenths of a second of work.
_MOST_A_MESSAGE = 8


def ask(*, asset_ids: Sequence[UUID]) -> None:
    """Asks workers for the smaller versions of these pictures, once this transaction is durable."""
    for first in range(0, len(asset_ids), _MOST_A_MESSAGE):
        MAKE_RENDITIONS.on_commit(asset_ids=[str(one) for one in asset_ids[first : first + _MOST_A_MESSAGE]])


def render(*, asset_ids: Sequence[UUID]) -> None:
    """Makes the versions of each picture that still lacks them. One that fails is left for `mend`; it keeps no other.

    The names follow from the original's, so doing it twice writes the same files.
    """
    for asset in Asset.objects.filter(id__in=asset_ids, render_due_at__isnull=False):
        try:
            _render(asset)
        except (UnreadableOutput, OSError) as exc:
            _log.warning("assets.renditions.failed", asset=str(asset.id), kind=type(exc).__name__)


def mend(*, at: datetime) -> int:
    """Asks again for what was due and is still missing, for a day; gives the number of assets."""
    with transaction.atomic():
        due = Asset.objects.select_for_update(skip_locked=True).filter(render_due_at__lte=at)
        found = list(due.order_by("render_due_at").only("id", "created_at")[:_MENDED_AT_ONCE])
        late = [asset.id for asset in found if at - asset.created_at > _GIVEN_UP_AFTER]
        again = [asset.id for asset in found if at - asset.created_at <= _GIVEN_UP_AFTER]
        Asset.objects.filter(id__in=late).update(render_due_at=None)
        Asset.objects.filter(id__in=again).update(render_due_at=at + _AGAIN_AFTER)
        for asset_id in again:
            # Each by itself: one of them may be what its worker died of.
            ask(asset_ids=[asset_id])
    for asset_id in late:
        _log.error("assets.renditions.given_up", asset=str(asset_id))
    return len(found)


def _render(asset: Asset) -> None:
    with default_storage.open(asset.storage_key) as file:
        versions = smaller(file.read(), asset.media_type)
    stem = asset.storage_key.rpartition(".")[0]
    rows = []
    for version in versions:
        key = f"{stem}.{version.variant}.webp"
        default_storage.save(key, ContentFile(version.content))
        rows.append(
            Rendition(
                asset_id=asset.id, variant=version.variant, media_type=version.media_type, storage_key=key,
                size_bytes=len(version.content), width=version.width, height=version.height,
            )
        )  # fmt: skip
    with transaction.atomic():
        Rendition.objects.bulk_create(rows, ignore_conflicts=True)
        Asset.objects.filter(id=asset.id).update(render_due_at=None)
