"""Black Forest Labs: pictures, and pictures changed by words. Everything is asked about where the answer says, or told
by a signed webhook. Nothing can be looked up by our name for it."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import orjson

from providers import faults, http
from providers.adapters.at_once import AtOnce
from providers.adapters.bfl import mapping, reading
from providers.contracts import (
    CanonicalRequest,
    Connection,
    Ctx,
    Handle,
    Health,
    Needs,
    Outcome,
    Placement,
    Refused,
    Revision,
    Running,
    WirePlan,
)
from providers.errors import BadSignature, InvalidParams, Lost, ProviderError, RateLimited, UnknownOutcome
from providers.wire import Reply

_POLL_SECONDS = 1.0
_OWN_HOST = "bfl.ai"
_SKEW_SECONDS = 300.0


class BFLAdapter(AtOnce):
    """`options`: `webhook_secret`, without which no webhook is asked for; `safety_tolerance`, 0 (strict) to 5;
    `credit_usd_micros`, what one of the provider's credits costs, 10,000 unless said."""

    kind: ClassVar[str] = "bfl"
    placement: ClassVar[Placement] = "io"
    webhooks: ClassVar[bool] = True
    needs: ClassVar[Needs] = Needs(
        "https://api.bfl.ai/v1", "BFL_API_KEY", result_hosts=("bfl.ai", "bfldeliveryprod.blob.core.windows.net")
    )

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return mapping.plan(revision, request)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        options = ctx.connection.options
        more: dict[str, Any] = {
            part.field: base64.b64encode(await ctx.read(part.media)).decode() for part in plan.files
        }
        if options.get("safety_tolerance") is not None:
            more["safety_tolerance"] = options["safety_tolerance"]
        if ctx.webhook_url and options.get("webhook_secret"):
            more |= {"webhook_url": ctx.webhook_url, "webhook_secret": options["webhook_secret"]}
        headers = self.authorize(ctx.connection)
        reply = await http.send(ctx, replace(plan, files=()), headers=headers, more=more)
        if reply.status != 200:
            return faults.refused_or_raised(self.classify(reply, billable=True))
        return self._accepted(ctx.connection, reply.document(), plan.about)

    async def check(self, ctx: Ctx, handle: Handle) -> Outcome:
        data = handle.data
        url = str(data.get("polling_url") or ctx.connection.url(f"/get_result?id={quote(str(data['id']), safe='')}"))
        if not _is_theirs(url, ctx.connection):
            raise UnknownOutcome("its result is to be asked for at a host that is not its own")
        reply = await http.call("GET", url, connection=ctx.connection, headers=self.authorize(ctx.connection))
        body = reply.document()
        if reply.status == 404 or body.get("status") == "Task not found":
            raise Lost("it knows no such task")
        if reply.status != 200:
            return faults.refused_or_raised(self.classify(reply, billable=False))
        found = reading.fate(body, data, credit_usd_micros=_credit_usd_micros(ctx.connection))
        return found or Running(handle, _POLL_SECONDS, reading.progress(body))

    def verify_webhook(
        self, connection: Connection, headers: Mapping[str, str], body: bytes, at: datetime
    ) -> Handle | None:
        secret = str(connection.options.get("webhook_secret") or "")
        lowered = {name.lower(): value for name, value in headers.items()}
        wanted = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        if not secret or not hmac.compare_digest(wanted.encode(), lowered.get("x-bfl-signature", "").encode()):
            raise BadSignature("This is not what the provider signed.")
        told = _told(body)
        said = _moment(told.get("timestamp"))
        if said is None or abs((at - said).total_seconds()) > _SKEW_SECONDS:
            raise BadSignature("This was signed at another time.")
        name = told.get("id")
        return Handle(self.wire_version, {"id": name}) if isinstance(name, str) and name else None

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        return {"x-key": connection.secret.reveal()}

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        body = reply.document()
        code = str(body.get("error") or "")
        detail = body.get("detail")
        if reply.status == 422 and isinstance(detail, list) and detail and isinstance(detail[0], dict):
            place = [str(part) for part in detail[0].get("loc") or ()]
            return InvalidParams("status 422", field=place[-1] if place else "", provider_code=detail[0].get("type"))
        found = faults.by_status(reply, billable=billable, code=code)
        wait = body.get("retry_after")
        if isinstance(found, RateLimited) and found.retry_after_seconds is None and isinstance(wait, int | float):
            found.retry_after_seconds = float(wait)
        return found

    async def probe(self, ctx: Ctx) -> Health:
        reply = await http.call(
            "GET", ctx.connection.url("/credits"), connection=ctx.connection, headers=self.authorize(ctx.connection)
        )
        return Health(reply.status == 200, f"status {reply.status}")

    def _accepted(self, connection: Connection, body: Mapping[str, Any], about: Mapping[str, Any]) -> Running:
        name, url = body.get("id"), body.get("polling_url") or ""
        if not isinstance(name, str) or not name:
            raise UnknownOutcome("it was taken without a name")
        if url and not _is_theirs(str(url), connection):
            raise UnknownOutcome("its result is to be asked for at a host that is not its own")
        data = {"id": name, "media_type": about["media_type"], **({"polling_url": str(url)} if url else {})}
        if isinstance(cost := body.get("cost"), int | float):
            data["cost"] = str(cost)
        return Running(Handle(self.wire_version, data), _POLL_SECONDS)


def _is_theirs(url: str, connection: Connection) -> bool:
    """Whether our key may go there: to the connection's own server, and by https to any of the provider's."""
    if connection.is_origin_of(url):
        return True
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    return parts.scheme == "https" and (host == _OWN_HOST or host.endswith(f".{_OWN_HOST}"))


def _credit_usd_micros(connection: Connection) -> int:
    return int(connection.options.get("credit_usd_micros") or 10_000)


def _told(body: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
