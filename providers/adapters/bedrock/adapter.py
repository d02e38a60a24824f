"""Amazon Bedrock: pictures and text by InvokeModel, answered at once. AWS's code signs; our client sends."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import orjson
from yarl import URL

from providers import faults, http
from providers.adapters.at_once import AtOnce
from providers.adapters.bedrock import mapping, reading, signing
from providers.adapters.inline import filled
from providers.contracts import (
    CanonicalRequest,
    Connection,
    Ctx,
    Health,
    Needs,
    Outcome,
    Placement,
    Refused,
    Revision,
    WirePlan,
)
from providers.errors import ProviderError
from providers.wire import Reply

_USUAL = "https://bedrock-runtime.us-west-2.amazonaws.com"
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_MOST_BYTES = 100_000_000


class BedrockAdapter(AtOnce):
    """`options`: `region` (us-west-2, or what the address says). The secret is ACCESS:SECRET or ACCESS:SECRET:TOKEN."""

    kind: ClassVar[str] = "bedrock"
    placement: ClassVar[Placement] = "io"
    needs: ClassVar[Needs] = Needs(_USUAL, "BEDROCK_KEYS")

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return mapping.plan(revision, request)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        ready = await filled(ctx, plan)
        reply = await _sent(ctx.connection, ready.path, orjson.dumps(ready.payload), read_seconds=240.0)
        if reply.status != 200:
            return faults.refused_or_raised(self.classify(reply, billable=True))
        return reading.answer(reply, plan.about)

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        """Each request is signed as a whole: there is no header that would do for another."""
        return {}

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        return reading.meaning(reply, billable=billable)

    async def probe(self, ctx: Ctx) -> Health:
        """Nothing is asked of a model that there is not, which costs nothing: all but a wrong key is well."""
        reply = await _sent(ctx.connection, "/model/none/invoke", b"{}", read_seconds=30.0)
        return Health(reply.status in {400, 404}, f"status {reply.status}")


async def _sent(connection: Connection, path: str, body: bytes, *, read_seconds: float) -> Reply:
    """The very bytes and address that were signed."""
    at = _at(connection)
    url = str(URL(at.url(path)))
    return await http.call(
        "POST", url, connection=at, body=body, headers=signing.signed(at, "POST", url, body, _JSON),
        read_seconds=read_seconds, most_bytes=_MOST_BYTES,
    )  # fmt: skip


def _at(connection: Connection) -> Connection:
    """The connection at its region's server, unless the operator named one."""
    if connection.base_url.rstrip("/") != _USUAL:
        return connection
    return replace(connection, base_url=f"https://bedrock-runtime.{signing.region(connection)}.amazonaws.com")
