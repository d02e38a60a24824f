"""One event loop for each worker process, in a thread of its own. Waiting for a provider costs a coroutine.

The worker's own thread keeps the leases while the loop works, so it is also the one that notices a cancel.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """The keeper said that the work must end."""


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="generation-runner", daemon=True).start()
    return loop


def run(work: Coroutine[Any, Any, T], *, keep: Callable[[], bool], every_seconds: float, within_seconds: float) -> T:
    """Runs `work` on the loop and gives its result.

    `keep` is called every `every_seconds`; when it says False the work is cancelled and Stopped raised.
    Raises TimeoutError after `within_seconds`, and whatever the work raises.
    """
    future: Future[T] = asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, within_seconds), _loop())
    while True:
        try:
            return future.result(timeout=every_seconds)
        except TimeoutError:
            if future.done():
                raise
            if not keep():
                future.cancel()
                raise Stopped from None
        except CancelledError as exc:
            raise Stopped from exc
