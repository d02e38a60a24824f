"""What every adapter promises, and what it is given. Values only: nothing here does anything.

The unit is a durable two-phase operation: `submit` gives an opaque handle, `check` asks for its fate.
An engine that answers at once ends in `submit`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol

Placement = Literal["cpu", "io"]
Resubmit = Literal["safe", "lookup", "never"]
Cancelled = Literal["cancelled", "requested", "too_late", "unsupported"]


@dataclass(frozen=True, slots=True)
class Revision:
    """An immutable version of a model. `id` is the hash of `spec`, the catalogue's text for it."""

    id: str
    slug: str
    version: str
    pipeline: str
    adapter: str
    name: str
    spec: Mapping[str, Any]

    @property
    def pinned(self) -> str:
        """The public name with its pin, e.g. `sketch-image@1`."""
        return f"{self.slug}@{self.version}"

    @property
    def procedural(self) -> bool:
        """True for engines that compute instead of infer; shown wherever the model is."""
        return bool(self.spec.get("procedural", False))

    @property
    def digital_source(self) -> str:
        """The IPTC digital source type of what it makes (https://cv.iptc.org/newscodes/digitalsourcetype/)."""
        return "algorithmicMedia" if self.procedural else "trainedAlgorithmicMedia"


@dataclass(frozen=True, slots=True)
class CanonicalRequest:
    """What is asked, in our terms: validated parameters of one call, and until when."""

    task: str
    params: Mapping[str, Any]
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """Something was not done to the letter; recorded, shown, never silent."""

    code: Literal["adjusted", "split", "emulated", "unsupported", "deprecated"]
    field: str
    asked: Any
    used: Any


@dataclass(frozen=True, slots=True)
class WirePlan:
    """The pure part of a call: what would be sent. Has no secret and does no I/O."""

    payload: Mapping[str, Any]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Handle:
    """A provider's name for an operation under way: JSON, at most 4 KB, no secrets."""

    version: int
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A result file, in memory or to be fetched. `meta` says how it came about (seed, style)."""

    media_type: str
    content: bytes
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call cost the platform, with the evidence's kind."""

    cost_usd_micros: int
    source: Literal["provider", "usage", "formula", "estimate"]


@dataclass(frozen=True, slots=True)
class Done:
    artifacts: tuple[Artifact, ...]
    usage: Usage
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    handle: Handle
    poll_after_seconds: float
    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider will not make this. Terminal: never retried, never routed elsewhere."""

    stage: Literal["input", "output"]
    categories: tuple[str, ...]
    message: str


Outcome = Done | Running | Refused


@dataclass(frozen=True, slots=True)
class Ctx:
    """What an adapter may use beside its arguments. `progress` takes 0 to 1 and may be called from any thread.

    `webhook_url` is where the provider may say that something happened to this attempt. `waited_seconds` is how long
    ago the step was begun for the first time.
    """

    progress: Callable[[float], None]
    directives_allowed: bool
    webhook_url: str = ""
    waited_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Health:
    ok: bool
    detail: str = ""


class Adapter(Protocol):
    """One kind of provider.

    `placement` says which pool runs it: `cpu` for work in our own processes, `io` for waiting on a wire.
    `resubmit` says what may happen when a submission's outcome is unknown: `safe` repeats it, `lookup`
    asks `reconcile` first, `never` waits for evidence. `webhooks` says whether the provider brings any by itself.
    `reconcile` gives what became of a token, or None when the provider proves that it never saw it; it raises while
    it cannot tell. `verify_webhook` raises BadSignature.
    Errors are raised as `providers.errors.ProviderError`; refusals are returned.
    """

    kind: ClassVar[str]
    placement: ClassVar[Placement]
    resubmit: ClassVar[Resubmit]
    webhooks: ClassVar[bool]

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan: ...

    def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Awaitable[Outcome]: ...

    def check(self, ctx: Ctx, handle: Handle) -> Awaitable[Outcome]: ...

    def cancel(self, ctx: Ctx, handle: Handle) -> Awaitable[Cancelled]: ...

    def reconcile(self, ctx: Ctx, token: str) -> Awaitable[Outcome | None]: ...

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None: ...

    def probe(self, ctx: Ctx) -> Awaitable[Health]: ...
