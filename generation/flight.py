"""One step on its way through a provider, as a coroutine. Touches no database: what it comes to is a verdict."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings

from assets import library
from assets.errors import UnreadableOutput
from core import push
from core.errors import DomainError
from generation import events, hearing, progress, timing
from generation.mishaps import Crashed, NeverArrived
from generation.noting import notes_of, size_of
from generation.settlement import Ending, Fault, Started
from generation.timing import Times
from generation.verdicts import Accepted, Doubt, Park, Reroute, Verdict
from providers import gateway
from providers.contracts import Connection, Ctx, Delivered, Handle, Refused, Revision, Running, Usage
from providers.errors import (
    BadOutput,
    DeadlinePassed,
    NotYet,
    Overloaded,
    ProviderError,
    RateLimited,
    TransientBeforeSend,
    UnknownOutcome,
)
from providers.gateway import Fate

_log = structlog.get_logger(__name__)
_PROGRESS_EVERY_SECONDS = 0.5
_BACKOFF_SECONDS, _BACKOFF_MOST_SECONDS = 2.0, 60.0
_DOUBT_FIRST_SECONDS = 2.0
_CANCEL_SECONDS = 15.0
_COLLECTING_AFTER_SECONDS = 1.0
# A provider that was asked to stop and goes on is waited for this long.
_STOPPING_SECONDS = 60.0
# How looking at a provider may fail without meaning anything for what it works on.
_PASSING = (TransientBeforeSend, RateLimited, Overloaded, UnknownOutcome, TimeoutError)

Clock = Callable[[], datetime]
Keep = Callable[[Accepted], Awaitable[bool]]
Collect = Callable[["Flight", Usage], None]


class Flight:
    """A step that this process began, on its revision and the connection that it was given.

    With `keep` it waits here for a provider that answers later: that makes the provider's handle durable and says
    whether the step is still this process's.

    `collect` is told when the provider has delivered and storing the result takes a while. `busy_ms` is how long it
    flew. `overran` says that work on our own processors did not end in time, and may still be going on in a thread.
    """

    def __init__(
        self,
        step: Started,
        revision: Revision,
        connection: Connection,
        *,
        clock: Clock,
        keep: Keep | None = None,
        collect: Collect | None = None,
    ) -> None:
        self.step = step
        self.revision = revision
        self.connection = connection
        self.stop_cause = step.stop_cause
        self.handle: dict[str, object] | None = None
        self.lost = False
        self.overran = False
        self.busy_ms = 0
        self._returning = False
        self._storing = False
        self.woken = asyncio.Event()
        self.task: asyncio.Task[Verdict | None] | None = None
        self._clock = clock
        self._keep = keep
        self._collect = collect
        self._told_at = 0.0

    @property
    def key(self) -> tuple[UUID, int]:
        return self.step.step_id, self.step.attempt_no

    def ask_to_stop(self, cause: str) -> None:
        """The job is to end. Work that costs nobody anything is dropped at once; for the rest the provider is asked."""
        if self.stop_cause:
            return
        self.stop_cause = cause
        self.woken.set()
        if self.task is not None and gateway.resubmit(self.revision) == "safe":
            self.task.cancel()

    def hand_back(self) -> None:
        """This process is to end: another one goes on with what the provider has. A submission is seen to its end, and
        so is a result that is being stored."""
        self._returning = True
        if self._storing:
            return
        if self.task is not None and (self.handle is not None or self.step.mode != "submit"):
            self.task.cancel()

    def lose(self) -> None:
        """Somebody else has the step by now."""
        self.lost = True
        if self.task is not None:
            self.task.cancel()

    async def fly(self) -> Verdict | None:
        """Runs the step; None when it is somebody else's by now."""
        began = time.monotonic()
        step = self.step
        try:
            if self.stop_cause and (step.mode == "submit" or gateway.resubmit(self.revision) == "safe"):
                return Ending(step, "canceled")
            return await self._after(await self._outcome())
        except asyncio.CancelledError:
            return self._interrupted()
        except ProviderError as exc:
            return self._failed(exc)
        except UnreadableOutput as exc:
            return self._failed(BadOutput(str(exc)))
        except DomainError as exc:
            return Ending(step, "failed", fault=Fault(exc.code, "internal", exc.title, retryable=False))
        except Exception as exc:  # noqa: BLE001 - the edge of the process: an adapter's mistake must not lose a step
            _log.error("step.crashed", step=str(step.step_id), kind=type(exc).__name__, exc_info=True)
            return self._failed(Crashed(type(exc).__name__))
        finally:
            self.busy_ms = round((time.monotonic() - began) * 1000)

    def _interrupted(self) -> Verdict | None:
        if self.lost:
            return None
        if self._returning and self.handle is not None:
            return Accepted(self.step, self.handle, 0.0)
        if self._returning and self.step.mode == "reconcile":
            return Doubt(self.step, 0.0)
        return Ending(self.step, "canceled") if self.stop_cause else None

    async def _outcome(self) -> Fate:
        if self.step.mode == "check":
            handle = Handle(**self.step.handle or {})
            if self._keep is not None:
                return Running(handle, poll_after_seconds=0.0)
            return await self._checked(handle)
        if self.step.mode == "reconcile":
            return await self._reconciled()
        return await self._submitted()

    async def _submitted(self) -> Fate:
        step = self.step
        within = min(timing.of(self.revision).submit, self._left())
        if within <= 0:
            raise DeadlinePassed
        work = gateway.submit(
            ctx=self._ctx(), revision=self.revision, params=dict(step.params), deadline=step.deadline_at,
            token=str(step.token),
        )  # fmt: skip
        try:
            async with asyncio.timeout(within):
                return await work
        except TimeoutError as exc:
            self.overran = gateway.placement(self.revision) == "cpu"
            if gateway.resubmit(self.revision) == "safe":
                raise DeadlinePassed from exc
            raise UnknownOutcome("no answer in time") from exc

    async def _reconciled(self) -> Fate:
        try:
            async with asyncio.timeout(timing.of(self.revision).check):
                found = await gateway.reconcile(
                    ctx=self._ctx(), revision=self.revision, token=str(self.step.token), params=self.step.params
                )
        except TimeoutError as exc:
            raise UnknownOutcome("no answer about an unknown outcome") from exc
        if found is None:
            raise NeverArrived
        return found

    async def _after(self, outcome: Fate) -> Verdict | None:
        if isinstance(outcome, Running):
            self.handle = _plain(outcome.handle)
            if self._keep is None or self._returning:
                return Accepted(self.step, self.handle, outcome.poll_after_seconds)
            if self.step.mode != "check" and not await self._keep(Accepted(self.step, self.handle)):
                return None
            watched = await self._watched(outcome)
            if watched is None:
                return Ending(self.step, "canceled")
            outcome = watched
        if isinstance(outcome, Delivered):
            return await self._stored(outcome)
        return self._refused(outcome)

    def _refused(self, outcome: Refused) -> Ending:
        fault = Fault("content_refused", "moderation", "The model refused this prompt.", retryable=False,
                      detail=",".join(outcome.categories))  # fmt: skip
        return Ending(self.step, "failed", fault=fault)

    async def _watched(self, running: Running) -> Delivered | Refused | None:
        """Looks at the provider until the work is over; None when it was stopped there for a job that is to end."""
        watch = _Watch(running.handle, running.poll_after_seconds, timing.of(self.revision))
        ends_at = self.step.attempt_started_at.timestamp() + watch.times.deadline
        while True:
            left = min(ends_at - self._clock().timestamp(), self._left())
            if await self._over(watch, left):
                return None
            patience = 1.0 if watch.misses or self.stop_cause else hearing.patience(adapter=self.revision.adapter)
            await self._rest(min(watch.pause * patience, max(left, 0.05)))
            outcome = await self._look(watch)
            if outcome is not None:
                return outcome

    async def _over(self, watch: "_Watch", left: float) -> bool:
        """Whether nobody waits any longer. The provider is told so once, and may still deliver for a while."""
        if watch.stopping_since:
            return time.monotonic() - watch.stopping_since > _STOPPING_SECONDS
        if left <= 0:
            await self._stopped(watch.handle)
            raise DeadlinePassed
        if not self.stop_cause:
            return False
        watch.stopping_since = time.monotonic()
        return await self._stopped(watch.handle)

    async def _look(self, watch: "_Watch") -> Delivered | Refused | None:
        """Asks once; None while the provider works, or cannot be asked."""
        try:
            async with asyncio.timeout(watch.times.check):
                outcome = await self._checked(watch.handle)
        except _PASSING as exc:
            watch.misses += 1
            hint = exc.retry_after_seconds if isinstance(exc, ProviderError) else None
            watch.pause = hint if hint is not None else _jittered(watch.misses)
            return None
        if not isinstance(outcome, Running):
            return outcome
        watch.misses, watch.handle = 0, outcome.handle
        watch.pause = min(max(outcome.poll_after_seconds, watch.times.first_poll), watch.times.slowest_poll)
        if outcome.progress is not None:
            self._progress(outcome.progress)
        return None

    async def _checked(self, handle: Handle) -> Fate:
        return await gateway.check(ctx=self._ctx(), revision=self.revision, handle=handle, params=self.step.params)

    async def _rest(self, seconds: float) -> None:
        """Sleeps, unless the provider's webhook or a cancel says to look now."""
        try:
            async with asyncio.timeout(seconds):
                await self.woken.wait()
        except TimeoutError:
            return
        self.woken.clear()

    async def _stopped(self, handle: Handle) -> bool:
        """Asks the provider to stop; True when nothing more will come of it that anybody waits for."""
        try:
            async with asyncio.timeout(_CANCEL_SECONDS):
                answer = await gateway.cancel(ctx=self._ctx(), revision=self.revision, handle=handle)
        except (ProviderError, TimeoutError):
            return False
        return answer in {"cancelled", "unsupported"}

    async def _stored(self, done: Delivered) -> Ending:
        step = self.step
        if step.output_index is None or not done.artifacts:
            if step.output_index is not None:
                raise BadOutput("The provider returned no file.")
            return Ending(step, "done", usage=done.usage)
        source = library.Source(step.workspace_id, step.sandbox, step.job_id, step.output_index)
        self._storing = True
        if self._collect is None:
            return await self._kept(source, done)
        # Most results are stored and settled before anybody could ask what became of them.
        collecting = asyncio.get_running_loop().call_later(
            _COLLECTING_AFTER_SECONDS, self._collect, self, done.usage
        )  # fmt: skip
        try:
            return await self._kept(source, done)
        finally:
            collecting.cancel()

    async def _kept(self, source: library.Source, done: Delivered) -> Ending:
        step, artifact = self.step, done.artifacts[0]
        stored = await asyncio.to_thread(
            library.store_output,
            source=source,
            content=artifact.content, media_type=artifact.media_type,
            meta={**artifact.meta, "model_name": self.revision.name, "credits": step.price,
                  "digital_source": self.revision.digital_source, "recall": step.params.get("recall", {}),
                  **notes_of(step, done)},
            size=size_of(step),
        )  # fmt: skip
        return Ending(step, "done", usage=done.usage, stored=stored)

    def _failed(self, error: ProviderError) -> Verdict:
        """The provider is asked, or the same route again later, or the end."""
        step = self.step
        if isinstance(error, NotYet):
            return Park(step, error, error.retry_after_seconds or 1.0, counts=False)
        unknown = isinstance(error, UnknownOutcome) and step.mode == "submit"
        if unknown or (step.mode == "reconcile" and isinstance(error, _PASSING)):
            resubmit = gateway.resubmit(self.revision)
            if resubmit == "lookup" or (resubmit == "never" and gateway.brings_evidence(self.revision)):
                return self._doubted(error)
        if self.stop_cause:
            return Ending(step, "canceled")
        again = step.tries_here <= error.retry_same and step.tries < settings.GENERATION_MAX_ATTEMPTS
        hint = error.retry_after_seconds
        if again:
            parked = Park(step, error, hint if hint is not None else _jittered(step.tries_here))
            # The last try is better made elsewhere, if there is such a place.
            last = step.tries >= settings.GENERATION_MAX_ATTEMPTS - 1
            return Reroute(step, error, parked, last) if last or error.fallback == "long" else parked
        fault = Fault(error.code, error.category, error.public, retryable=error.category != "input",
                      provider_code=error.provider_code, detail=str(error))  # fmt: skip
        return Reroute(step, error, Ending(step, "failed", usage=self._suspected(error), fault=fault))

    def _suspected(self, error: ProviderError) -> Usage | None:
        """What a call may be billed for of which nobody knows what became of it."""
        if not isinstance(error, UnknownOutcome):
            return None
        return gateway.suspected(revision=self.revision, params=self.step.params)

    def _doubted(self, error: ProviderError) -> Verdict:
        step, times = self.step, timing.of(self.revision)
        age = (self._clock() - step.attempt_started_at).total_seconds()
        if age < times.submit + times.doubt and self._left() > 0:
            return Doubt(step, error.retry_after_seconds or max(_DOUBT_FIRST_SECONDS, min(age, 30.0)))
        if self.stop_cause:
            return Ending(step, "canceled")
        fault = Fault(error.code, error.category, error.public, retryable=True, detail=str(error))
        return Reroute(step, error, Ending(step, "failed", usage=self._suspected(error), fault=fault))

    def _ctx(self) -> Ctx:
        step = self.step
        return Ctx(
            progress=self._progress,
            directives_allowed=step.sandbox or settings.GENERATION_DIRECTIVES_OUTSIDE_SANDBOX,
            connection=self.connection,
            webhook_url=f"{settings.SITE_URL}/hooks/providers/{step.token}",
            waited_seconds=(self._clock() - step.first_started_at).total_seconds(),
        )

    def _left(self) -> float:
        return (self.step.deadline_at - self._clock()).total_seconds()

    def _progress(self, value: float) -> None:
        """Called from any thread; at most two a second reach anybody."""
        now = time.monotonic()
        if now - self._told_at < _PROGRESS_EVERY_SECONDS and value < 1.0:
            return
        self._told_at = now
        try:
            # An adapter on the loop must not wait for Redis there, and neither must everybody else's.
            asyncio.get_running_loop().run_in_executor(None, self._tell, value)
        except RuntimeError:
            self._tell(value)

    def _tell(self, value: float) -> None:
        step = self.step
        of = int(step.params.get("of", 1))
        name = f"generate[{step.params['index']}]" if "index" in step.params else step.kind
        whole = progress.write(job_id=step.job_id, step=name, value=value, of=of)
        group = push.group_of(step.workspace_id, sandbox=step.sandbox)
        events.send([events.progressed(group, job_id=step.job_id, value=whole)], nudge=False)


@dataclass(slots=True)
class _Watch:
    """A provider at work, as it is looked at. `pause` is how many seconds until the next look."""

    handle: Handle
    pause: float
    times: Times
    misses: int = 0
    stopping_since: float = 0.0


def _jittered(tries: int) -> float:
    return random.uniform(0, min(_BACKOFF_MOST_SECONDS, _BACKOFF_SECONDS * 2**tries))  # noqa: S311 - jitter


def _plain(handle: Handle) -> dict[str, object]:
    return {"version": handle.version, "data": dict(handle.data)}
