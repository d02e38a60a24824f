"""Luma's Dream Machine: pictures and films from words. Everything is asked about. A lost submission is looked for in
the list of what was ordered, by the address that it was to call back. What calls there is unsigned, and not believed.
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from providers import faults, http
from providers.adapters.at_once import AtOnce
from providers.adapters.luma import mapping
from providers.contracts import (
    Artifact,
    CanonicalRequest,
    Connection,
    Ctx,
    Done,
    Handle,
    Health,
    Needs,
    Outcome,
    Placement,
    Refused,
    Resubmit,
    Revision,
    Running,
    Spent,
    WirePlan,
)
from providers.errors import BadOutput, Lost, ProviderError, ProviderFailed, QuotaExhausted, UnknownOutcome
from providers.wire import Reply

_POLL_SECONDS = {"image": 2.0, "video": 6.0}
_MODERATED = ("moderation", "blacklisted")
_PAGE, _MOST_PAGES = 100, 10
_LONGEST_CODE = 60


class LumaAdapter(AtOnce):
    """`options`: `find_lost`, true unless said: whether submissions carry an address by which they are found again."""

    kind: ClassVar[str] = "luma"
    placement: ClassVar[Placement] = "io"
    resubmit: ClassVar[Resubmit] = "lookup"
    needs: ClassVar[Needs] = Needs(
        "https://api.lumalabs.ai/dream-machine/v1", "LUMAAI_API_KEY", result_hosts=("cdn-luma.com", "lumalabs.ai")
    )

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return mapping.plan(revision, request)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        more = {"callback_url": _mark(ctx, token)} if _finds(ctx.connection) else {}
        reply = await http.send(ctx, plan, headers=self.authorize(ctx.connection), more=more)
        if reply.status not in {200, 201}:
            return faults.refused_or_raised(self.classify(reply, billable=True))
        name = reply.document().get("id")
        if not isinstance(name, str) or not name:
            raise UnknownOutcome("it was taken without a name")
        return self._running(name, plan.about["asset"])

    async def check(self, ctx: Ctx, handle: Handle) -> Outcome:
        reply = await self._get(ctx, f"/generations/{quote(str(handle.data['id']), safe='')}")
        if reply.status == 404:
            raise Lost("it knows no such generation")
        if reply.status != 200:
            return faults.refused_or_raised(self.classify(reply, billable=False))
        return self._fate(reply.document(), str(handle.data["id"]), str(handle.data["asset"]))

    async def reconcile(self, ctx: Ctx, token: str) -> Outcome | None:
        if not _finds(ctx.connection):
            raise UnknownOutcome("its submissions carry no mark by which they could be found")
        for page in range(_MOST_PAGES):
            reply = await self._get(ctx, f"/generations?limit={_PAGE}&offset={page * _PAGE}")
            if reply.status != 200:
                return faults.refused_or_raised(self.classify(reply, billable=False))
            body = reply.document()
            items = body.get("generations")
            if not isinstance(items, list):
                raise UnknownOutcome("a list that is none")
            if (found := next((item for item in items if _is_marked(item, token)), None)) is not None:
                asset = "video" if found.get("generation_type") == "video" else "image"
                return self._fate(found, str(found.get("id")), asset)
            if not body.get("has_more"):
                return None
        raise UnknownOutcome("too much was ordered since to look through")

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {connection.secret.reveal()}"}

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        said = reply.document().get("detail")
        sentence = said.lower() if isinstance(said, str) else ""
        detail = f"status {reply.status}"
        if 400 <= reply.status < 500 and any(word in sentence for word in _MODERATED):
            return Refused("input", ("moderation",), detail)
        if 400 <= reply.status < 500 and "insufficient credits" in sentence:
            return QuotaExhausted(detail, provider_code="insufficient_credits")
        return faults.by_status(reply, billable=billable)

    async def probe(self, ctx: Ctx) -> Health:
        reply = await self._get(ctx, "/credits")
        return Health(reply.status == 200, f"status {reply.status}")

    async def _get(self, ctx: Ctx, path: str) -> Reply:
        headers = self.authorize(ctx.connection)
        return await http.call("GET", ctx.connection.url(path), connection=ctx.connection, headers=headers)

    def _fate(self, body: Mapping[str, Any], name: str, asset: str) -> Outcome:
        state = body.get("state")
        if state == "failed":
            return _failed(str(body.get("failure_reason") or ""))
        if state != "completed":
            return self._running(name, asset)
        assets = body.get("assets")
        url = assets.get(asset) if isinstance(assets, dict) else None
        if not isinstance(url, str) or not url:
            raise BadOutput("A finished generation without a file.")
        spent = Spent(served_model=str(body.get("model") or ""))
        # Of which kind in particular, the file says.
        return Done((Artifact("video/mp4" if asset == "video" else "image/*", url=url),), spent)

    def _running(self, name: str, asset: str) -> Running:
        return Running(Handle(self.wire_version, {"id": name, "asset": asset}), _POLL_SECONDS[asset])


def _finds(connection: Connection) -> bool:
    return bool(connection.options.get("find_lost", True))


def _mark(ctx: Ctx, token: str) -> str:
    """An address that names the attempt. Where the site has none, one that leads nowhere."""
    return ctx.webhook_url or f"https://wildmind.invalid/{token}"


def _is_marked(item: Any, token: str) -> bool:
    request = item.get("request") if isinstance(item, dict) else None
    address = request.get("callback_url") if isinstance(request, dict) else None
    return isinstance(address, str) and address.rstrip("/").endswith(f"/{token}")


def _failed(reason: str) -> Refused:
    """A refusal, if that is what the failure was; it costs nothing, as any failure. Raises ProviderFailed otherwise."""
    if any(word in reason.lower() for word in _MODERATED):
        return Refused("input", ("moderation",), "the generation was moderated", Spent(usd_micros=0))
    # Their sentences are few and fixed; one that is long might repeat a prompt.
    raise ProviderFailed("the generation failed", provider_code=reason if len(reason) <= _LONGEST_CODE else None)
