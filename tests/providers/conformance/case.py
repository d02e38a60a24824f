"""What the suite must know of an adapter to hold it to the contract."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from providers.contracts import Media
from tests.providers.servers import ProtocolServer, png

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Sample:
    """A request that a model takes, in our terms, and what comes of it: the media type, and what it costs by hand."""

    slug: str
    params: Mapping[str, Any]
    media_type: str
    inputs: tuple[Media, ...] = ()
    cost_usd_micros: int | None = None
    cost_source: str = "usage"
    # Tells requests of one model and operation apart.
    variant: str = ""

    @property
    def name(self) -> str:
        return f"{self.slug}-{self.variant or self.params.get('operation', 'generate')}"


@dataclass(frozen=True)
class Signed:
    """A webhook as the provider sends it."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Case:
    """An adapter beside its protocol server. Faults are names that the server knows.

    `refusals` come out as Refused. `waits` are answers that say how long to wait, with the seconds. `absent` are
    faults that this provider does not have, with the reason why: a point of the list that is not run says so.
    """

    kind: str
    server: Callable[[], ProtocolServer]
    samples: tuple[Sample, ...]
    base_path: str = ""
    refusals: tuple[str, ...] = ()
    waits: Mapping[str, float] = field(default_factory=dict)
    quota: tuple[str, ...] = ()
    auth: tuple[str, ...] = ("unauthorized",)
    overloaded: tuple[str, ...] = ("overloaded",)
    gone: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ("invalid",)
    # Of providers that answer later.
    asynchronous: bool = False
    failed: tuple[str, ...] = ()
    cancels: str = "unsupported"
    finds: bool = False
    sign: Callable[[ProtocolServer, str, datetime], Signed] | None = None
    # What a connection has whose webhooks another signs.
    stranger: Mapping[str, Any] = field(default_factory=lambda: {"webhook_secret": "whsec_" + "QUJD" * 8})
    # Where this site is, for providers that know our token by the address that they are to call.
    site: str = ""
    # Of providers that keep results for us to fetch.
    fetched: bool = False
    keeps_at: str = "/files/"
    # Of providers whose texts stream.
    streams: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def first(self) -> Sample:
        return self.samples[0]


@lru_cache(maxsize=1)
def cases() -> tuple[Case, ...]:
    """Every adapter's case, by the files in `cases/`."""
    found = []
    for info in pkgutil.iter_modules([str(HERE / "cases")]):
        found += importlib.import_module(f"tests.providers.conformance.cases.{info.name}").CASES
    return tuple(found)


PICTURE = png(width=256, height=256)


def picture(role: str = "input") -> Media:
    """A picture to put in; `reading` finds its bytes."""
    return Media(role, "image/png", len(PICTURE), "0" * 64, "picture")


async def reading(media: Media) -> bytes:
    return PICTURE
