"""Messages to the browsers of a workspace, sent from code that has no event loop.

`channels_redis.pubsub` keeps its connections per loop, and workers have none that lasts. The layer's
own serializer and channel names are used, so a consumer can not tell the difference (tested).
"""

from typing import Any
from uuid import UUID

from channels.layers import get_channel_layer
from django.conf import settings

from core import queueing


def group_of(workspace_id: UUID, *, sandbox: bool) -> str:
    """The group of everybody who looks at this workspace's live or sandbox jobs."""
    return f"ws.{workspace_id.hex}.{'sandbox' if sandbox else 'live'}"


def command(group: str, message: dict[str, Any]) -> tuple[Any, ...]:
    """The Redis command that delivers `message` to `group`, for `queueing.hint`."""
    layer: Any = get_channel_layer()
    return ("PUBLISH", f"{settings.PUSH_PREFIX}__group__{group}", layer.serialize({"type": "push", **message}))


def send(group: str, *messages: dict[str, Any]) -> None:
    """Delivers, or does not: a page that hears nothing asks again."""
    if messages:
        queueing.hint(*(command(group, message) for message in messages))
