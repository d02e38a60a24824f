"""What adapters are given and give. Values only: nothing here does anything.

The unit is a durable two-phase operation: `submit` gives an opaque handle, `check` asks for its fate.
An engine that answers at once ends in `submit`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from core.secrets import Secret

Placement = Literal["cpu", "io"]
Resubmit = Literal["safe", "lookup", "never"]
Cancelled = Literal["cancelled", "requested", "too_late", "unsupported"]
Role = Literal["input", "mask", "first_frame", "last_frame", "reference", "audio"]


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
class Connection:
    """A way to a provider: whose endpoint, with which secret, and where its results may lie.

    `workspace_id` is set for one that a workspace brought: it serves that workspace alone. `options` are the adapter's
    own, by its documentation. `result_hosts` are suffixes of host names.
    """

    id: UUID
    kind: str
    name: str
    base_url: str
    secret: Secret
    options: Mapping[str, Any] = field(default_factory=dict)
    result_hosts: tuple[str, ...] = ()
    workspace_id: UUID | None = None

    @property
    def row_id(self) -> UUID | None:
        """Its row's id; None for an engine that computes here."""
        return self.id if self.id.int else None

    def url(self, path: str) -> str:
        """The address of a path that begins with a slash."""
        return self.base_url.rstrip("/") + path

    def is_origin_of(self, url: str) -> bool:
        """Whether an address is at this connection's own scheme, host and port, so that it may see the secret."""
        return urlsplit(url)[:2] == urlsplit(self.base_url)[:2]


@dataclass(frozen=True, slots=True)
class Media:
    """A file that goes into a call. `key` is how `Ctx.read` finds its bytes."""

    role: Role
    media_type: str
    size_bytes: int
    sha256: str
    key: str


@dataclass(frozen=True, slots=True)
class CanonicalRequest:
    """What is asked, in our terms: validated parameters of one call, the files that go with it, and until when.

    `end_user` names the person to the provider by a hash, for its abuse desk.
    """

    task: str
    params: Mapping[str, Any]
    deadline: datetime
    inputs: tuple[Media, ...] = ()
    end_user: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something was not done to the letter; recorded, shown, never silent."""

    code: Literal["adjusted", "split", "emulated", "unsupported", "deprecated"]
    field: str
    asked: Any
    used: Any


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file of a multipart request: its field's name, and which input it is."""

    field: str
    media: Media


@dataclass(frozen=True, slots=True)
class WirePlan:
    """The pure part of a call: what would be sent, but for secrets and files. Does no I/O.

    `payload` is the body's JSON, or the fields of a form. `about` is not sent: what `submit` must know to read the
    answer.
    """

    payload: Mapping[str, Any]
    path: str = ""
    method: str = "POST"
    encoding: Literal["json", "multipart"] = "json"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    files: tuple[FilePart, ...] = ()
    notes: tuple[Note, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Handle:
    """A provider's name for an operation under way: JSON, at most 4 KB, no secrets.

    `version` is the adapter's `wire_version` when it was made: an adapter reads the handles of the one before it.
    """

    version: int
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A result: its bytes, or the address where the provider keeps them. Text is an artifact of `text/plain`.

    `media_type` is what the provider says; what the bytes are is found out. `meta` says how it came about.
    """

    media_type: str
    content: bytes = b""
    url: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spent:
    """The provider's own evidence of what a call cost.

    `usd_micros` is its bill, where it names one. `units` are what it metered (tokens, seconds, credits), for the
    model's cost expression. `served_model` is who it says answered.
    """

    usd_micros: int | None = None
    units: Mapping[str, Decimal] = field(default_factory=dict)
    served_model: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call cost the platform, with the evidence's kind; `own` is a call that its workspace's provider bills."""

    cost_usd_micros: int
    source: Literal["provider", "usage", "formula", "estimate", "own"]


@dataclass(frozen=True, slots=True)
class Done:
    artifacts: tuple[Artifact, ...]
    spent: Spent = Spent()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    handle: Handle
    poll_after_seconds: float
    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider will not make this. Terminal: never retried, never routed elsewhere.

    `spent` is what it takes all the same. `message` is the provider's, for operators.
    """

    stage: Literal["input", "output"]
    categories: tuple[str, ...]
    message: str
    spent: Spent = Spent()


Outcome = Done | Running | Refused


@dataclass(frozen=True, slots=True)
class Delivered:
    """A `Done` that the gateway has fetched, looked into and priced: every artifact has its bytes. `notes` are those
    that came with it; what its plan noted was known before."""

    artifacts: tuple[Artifact, ...]
    usage: Usage
    served_model: str = ""
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of streamed text."""

    text: str


async def _nothing_to_read(media: Media) -> bytes:
    raise LookupError(media.key)


@dataclass(frozen=True, slots=True)
class Ctx:
    """What an adapter may use beside its arguments. `progress` takes 0 to 1 and may be called from any thread.

    `webhook_url` is where the provider may say that something happened to this attempt. `waited_seconds` is how long
    ago the step was begun for the first time. `read` gives the bytes of an input.
    """

    progress: Callable[[float], None]
    directives_allowed: bool
    connection: Connection
    webhook_url: str = ""
    waited_seconds: float = 0.0
    read: Callable[[Media], Awaitable[bytes]] = _nothing_to_read


@dataclass(frozen=True, slots=True)
class Health:
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a connection of an adapter needs: where it goes unless told otherwise, and the environment's variable for
    its secret. `address_env` is for servers of one's own, which have no usual address."""

    base_url: str = ""
    secret_env: str = ""
    address_env: str = ""
    result_hosts: tuple[str, ...] = ()
