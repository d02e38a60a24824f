"""Celery's SQS transport, made to outlive failures of SQS.

Celery's own ends the worker when a poll meets a dropped connection, a server error or a missing queue. Here a poll
that fails is an empty one: the worker goes on with what it runs and asks again after a pause.
"""

from collections.abc import Iterator
from time import monotonic
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
from kombu.asynchronous.aws.sqs.connection import AsyncSQSConnection
from kombu.transport import SQS

_log = structlog.get_logger(__name__)
_PAUSE_SECONDS = 1.0
_OK, _REFUSED = 200, 400
FAILURES = (BotoCoreError, ClientError, OSError)


class _Polling(AsyncSQSConnection):
    """Answers every poll, so that the loop behind it never ends."""

    def __init__(self, channel: "Channel", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._channel = channel

    def _on_list_ready(self, parent: Any, markers: Any, operation: str, response: Any) -> Any:
        if response.status != _OK:
            self._channel.pause(queue=str(parent), kind=f"HTTP {response.status}", gone=response.status == _REFUSED)
            return {}
        return super()._on_list_ready(parent, markers, operation, response)  # type: ignore[misc]


class Channel(SQS.Channel):
    """A channel whose polls go on after a failure, at most one a second for each queue."""

    hub: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._polls: dict[str | None, _Polling] = {}
        self._paused_until: dict[str, float] = {}
        super().__init__(*args, **kwargs)

    def pause(self, *, queue: str, kind: str, gone: bool = False) -> None:
        """Leaves a queue, by its name at SQS, alone for a moment. One that may be gone is looked up anew then."""
        _log.warning("sqs.poll.failed", queue=queue, kind=kind)
        self._paused_until[queue] = monotonic() + _PAUSE_SECONDS
        # Not after each failure: looking up keeps the whole worker, and SQS may be out of reach.
        if gone and not self.predefined_queues:
            self._queue_cache.pop(queue, None)

    def url_of(self, queue: str) -> str:
        """Where a queue is. Raises DoesNotExistQueueException, and `FAILURES`."""
        return str(self._resolve_queue_url(queue))  # type: ignore[attr-defined]

    def asynsqs(self, queue: str | None = None) -> _Polling:
        key = queue if self.predefined_queues else None
        if key not in self._polls:
            self._polls[key] = _Polling(self, sqs_connection=self.sqs(queue=queue), region=self.region)
        return self._polls[key]

    def _schedule_queue(self, queue: str) -> None:
        name = self.canonical_queue_name(queue)
        left = self._paused_until.get(name, 0.0) - monotonic()
        if left <= 0:
            try:
                super()._schedule_queue(queue)  # type: ignore[misc]
            except FAILURES as exc:
                # The queue was being looked up or made.
                self.pause(queue=name, kind=type(exc).__name__)
                left = _PAUSE_SECONDS
        if left > 0:
            self.hub.call_later(left, self._schedule_queue, queue)


class Transport(SQS.Transport):
    """What `CELERY_BROKER_TRANSPORT` names."""

    Channel = Channel


def findings(channel: Channel, *, queues: list[str]) -> Iterator[str]:
    """One sentence for each queue that is missing, or hides taken messages for a wrong time. Raises `FAILURES`."""
    wanted = channel.visibility_timeout
    for queue in queues:
        name = channel.canonical_queue_name(queue)
        try:
            url = channel.url_of(queue)
            answer = channel.sqs(queue=name).get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
        except (SQS.DoesNotExistQueueException, ClientError) as exc:
            if isinstance(exc, ClientError) and "NonExistentQueue" not in exc.response["Error"]["Code"]:
                raise
            if channel.predefined_queues:
                yield f"The queue {name} is not at WILDMIND_SQS_QUEUES_URL: create it, as in docs/operations/sqs.md."
            continue
        hidden = int(answer["Attributes"]["VisibilityTimeout"])
        if hidden != wanted:
            yield f"The queue {name} hides a taken message for {hidden} s: set its visibility timeout to {wanted} s."
