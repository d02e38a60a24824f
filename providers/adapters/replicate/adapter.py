"""Replicate: any model of theirs that a catalogue file describes, by version, by name or by deployment."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import takewhile
from typing import Any, ClassVar

import orjson

from providers import faults, http
from providers.adapters import declared, standard_webhooks
from providers.adapters.replicate import mapping, reading
from providers.contracts import (
    Cancelled,
    CanonicalRequest,
    Connection,
    Ctx,
    Handle,
    Health,
    Media,
    Needs,
    Outcome,
    Placement,
    Refused,
    Resubmit,
    Revision,
    WirePlan,
)
from providers.errors import (
    BadSignature,
    Lost,
    ModelGone,
    ProviderError,
    TransientBeforeSend,
    UnknownOutcome,
)
from providers.http import Form, Part
from providers.wire import Reply

_TAKEN = {200, 201, 202}
# What may lie within the request itself; larger files are uploaded first.
_INLINE_BYTES = 256_000
_LEAST_SECONDS, _MOST_SECONDS = 5, 24 * 3600
_MOST_PAGES = 10
_EARLIER = timedelta(minutes=2)


class ReplicateAdapter:
    """`options`: `webhook_secret`, which `GET /webhooks/default/secret` tells (`whsec_…`).

    A prediction carries our token in the address of its webhook; by it a lost one is found among the account's.
    """

    kind: ClassVar[str] = "replicate"
    wire_version: ClassVar[int] = 1
    placement: ClassVar[Placement] = "io"
    resubmit: ClassVar[Resubmit] = "lookup"
    webhooks: ClassVar[bool] = True
    needs: ClassVar[Needs] = Needs(
        "https://api.replicate.com/v1", "REPLICATE_API_TOKEN", result_hosts=("replicate.delivery",)
    )

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return mapping.plan(revision, request)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        async def put(media: Media) -> str:
            return await self._uploaded(ctx, media)

        more: dict[str, Any] = {"input": await declared.with_files(ctx, plan.payload["input"], plan.files, put)}
        if _is_told(ctx.webhook_url):
            more |= {"webhook": ctx.webhook_url, "webhook_events_filter": ["completed"]}
        headers = {**self.authorize(ctx.connection), "Cancel-After": _left(plan.about["deadline"])}
        reply = await http.send(ctx, replace(plan, files=()), headers=headers, more=more)
        if reply.status not in _TAKEN:
            return faults.refused_or_raised(self.classify(reply, billable=True))
        return reading.outcome(reply.document(), version=self.wire_version, kept=plan.about["kept"])

    async def check(self, ctx: Ctx, handle: Handle) -> Outcome:
        reply = await self._get(ctx, f"/predictions/{handle.data['id']}")
        if reply.status == 404:
            raise Lost("It knows no such prediction.")
        if reply.status != 200:
            return faults.refused_or_raised(self.classify(reply, billable=False))
        body = {**reply.document(), "id": handle.data["id"]}
        kept = {name: value for name, value in handle.data.items() if name != "id"}
        return reading.outcome(body, version=self.wire_version, kept=kept)

    async def cancel(self, ctx: Ctx, handle: Handle) -> Cancelled:
        reply = await http.call(
            "POST", ctx.connection.url(f"/predictions/{handle.data['id']}/cancel"), connection=ctx.connection,
            headers=self.authorize(ctx.connection),
        )  # fmt: skip
        if reply.status in {404, 409, 422}:
            return "too_late"
        if reply.status not in _TAKEN:
            faults.refused_or_raised(self.classify(reply, billable=False))
        match reply.document().get("status"):
            case "canceled" | "aborted":
                return "cancelled"
            case "succeeded" | "failed":
                return "too_late"
            case _:
                return "requested"

    async def reconcile(self, ctx: Ctx, token: str) -> Outcome | None:
        """Looks through the account's predictions since the step began, newest first, for the one that was to call the
        address with our token. A list that names no such addresses proves nothing."""
        if not _is_told(ctx.webhook_url):
            raise UnknownOutcome("Without an https address of this site no prediction carries our name.")
        path, seen, named = "/predictions", 0, 0
        for _ in range(_MOST_PAGES):
            reply = await self._get(ctx, path)
            if reply.status != 200:
                raise faults.by_status(reply, billable=False)
            since = _now_there(reply) - timedelta(seconds=ctx.waited_seconds) - _EARLIER
            page, more = _since(reply, since)
            for item in page:
                if str(item.get("webhook") or "").rstrip("/").endswith(f"/{token}"):
                    return await self.check(ctx, Handle(self.wire_version, {"id": item["id"]}))
            seen, named = seen + len(page), named + sum(1 for item in page if item.get("webhook"))
            if not more:
                break
            path = more
        else:
            raise UnknownOutcome("Too many predictions since then to look through.")
        if seen and not named:
            raise UnknownOutcome("The list names no webhooks: it tells nothing.")
        return None

    def verify_webhook(
        self, connection: Connection, headers: Mapping[str, str], body: bytes, at: datetime
    ) -> Handle | None:
        secret = str(connection.options.get("webhook_secret", ""))
        standard_webhooks.verify(secret=secret, headers=headers, body=body, at=at)
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError as exc:
            raise BadSignature from exc
        identity = found.get("id") if isinstance(found, dict) else None
        return Handle(self.wire_version, {"id": identity}) if isinstance(identity, str) else None

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {connection.secret.reveal()}"} if connection.secret else {}

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        body = reply.document()
        code, message = str(body.get("title") or ""), str(body.get("detail") or "")
        if reply.status == 404:
            return ModelGone("status 404", provider_code=code or None)
        return faults.by_status(reply, billable=billable, code=code, message=message)

    async def probe(self, ctx: Ctx) -> Health:
        reply = await self._get(ctx, "/account")
        return Health(reply.status == 200, f"status {reply.status}")

    async def _get(self, ctx: Ctx, path: str) -> Reply:
        """A page by its path, or by the address that the page before names."""
        url = ctx.connection.url(path) if path.startswith("/") else path
        if not ctx.connection.is_origin_of(url):
            raise UnknownOutcome("the next page lies elsewhere")
        return await http.call("GET", url, connection=ctx.connection, headers=self.authorize(ctx.connection))

    async def _uploaded(self, ctx: Ctx, media: Media) -> str:
        """An address that the model can read the file at. Uploading costs nothing, so it may be done again."""
        content = await ctx.read(media)
        if len(content) <= _INLINE_BYTES:
            return declared.data_uri(media, content)
        name = f"input.{media.media_type.partition('/')[2] or 'bin'}"
        try:
            reply = await http.call(
                "POST", ctx.connection.url("/files"), connection=ctx.connection, read_seconds=120.0,
                body=Form({}, (Part("content", content, media.media_type, name),)),
                headers=self.authorize(ctx.connection),
            )  # fmt: skip
        except UnknownOutcome as exc:
            raise TransientBeforeSend(f"an input: {exc}") from exc
        if reply.status not in _TAKEN:
            faults.refused_or_raised(self.classify(reply, billable=False))
        address = (reply.document().get("urls") or {}).get("get")
        if not isinstance(address, str):
            raise TransientBeforeSend("an input has no address")
        return address


def _is_told(webhook_url: str) -> bool:
    """Replicate calls https addresses alone, and refuses to work for others."""
    return webhook_url.startswith("https://")


def _left(deadline: datetime) -> str:
    seconds = math.ceil((deadline - datetime.now(UTC)).total_seconds())
    return f"{min(max(seconds, _LEAST_SECONDS), _MOST_SECONDS)}s"


def _since(reply: Reply, since: datetime) -> tuple[list[Mapping[str, Any]], str]:
    """The predictions of a page that were made after `since`, and where more of them are."""
    body = reply.document()
    items: list[Mapping[str, Any]] = [item for item in body.get("results") or () if isinstance(item, dict)]
    recent = list(takewhile(lambda item: not _is_before(item, since), items))
    return recent, str(body.get("next") or "") if len(recent) == len(items) else ""


def _now_there(reply: Reply) -> datetime:
    try:
        return parsedate_to_datetime(reply.headers.get("date", ""))
    except ValueError:
        return datetime.now(UTC)


def _is_before(item: Mapping[str, Any], since: datetime) -> bool:
    try:
        return datetime.fromisoformat(str(item.get("created_at"))) < since
    except (TypeError, ValueError):
        return False
