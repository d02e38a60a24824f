"""ComfyUI: an operator's own server and workflows. A job has our name, so a lost answer is looked up, not repeated.

The server keeps its queue in memory: a job that is neither in its history nor in its queue is lost.
"""

import copy
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from providers import faults, http
from providers.adapters.comfyui import mapping, reading
from providers.contracts import (
    Cancelled,
    CanonicalRequest,
    Connection,
    Ctx,
    Done,
    FilePart,
    Handle,
    Health,
    Needs,
    Outcome,
    Placement,
    Resubmit,
    Revision,
    Running,
    WirePlan,
)
from providers.errors import (
    BadSignature,
    InvalidParams,
    Lost,
    ModelGone,
    Overloaded,
    ProviderError,
    TransientBeforeSend,
    UnknownOutcome,
)
from providers.wire import Reply

_AGAIN_SECONDS = 2.0
# A history entry repeats the whole workflow.
_MOST_BYTES = 50_000_000


class ComfyUIAdapter:
    """The secret, if there is one, is a bearer token for the proxy in front: the server itself knows no keys."""

    kind: ClassVar[str] = "comfyui"
    wire_version: ClassVar[int] = 1
    placement: ClassVar[Placement] = "io"
    resubmit: ClassVar[Resubmit] = "lookup"
    webhooks: ClassVar[bool] = False
    needs: ClassVar[Needs] = Needs("", "COMFYUI_TOKEN", "COMFYUI_URL")

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return mapping.plan(revision, request)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        graph = copy.deepcopy(dict(plan.payload["prompt"]))
        places = plan.about["places"]
        for part in plan.files:
            mapping.put(graph, places, part.field, await self._upload(ctx, part))
        mapping.named(graph, token)
        body = {"prompt": graph, "prompt_id": token, "client_id": "wildmind"}
        reply = await self._call(ctx, "POST", plan.path, body=body)
        if reply.status != 200:
            raise self._refusal(reply, places)
        answer = reply.document()
        if "prompt_id" not in answer:
            raise UnknownOutcome("an answer that is no JSON")
        # Servers from before 2025 give the job a name of their own.
        return Running(self._handle(str(answer["prompt_id"]), token), _AGAIN_SECONDS)

    async def check(self, ctx: Ctx, handle: Handle) -> Outcome:
        found = await self._look(ctx, handle)
        if found is None:
            raise Lost("neither in the server's queue nor in its history")
        return found

    async def cancel(self, ctx: Ctx, handle: Handle) -> Cancelled:
        """One that waits is taken out of the queue; one that runs is interrupted, which may come too late."""
        job = str(handle.data["id"])
        if await self._standing(ctx, job) == "waiting":
            await self._expect(ctx, "POST", "/queue", body={"delete": [job]})
            if await self._standing(ctx, job) == "absent" and await self._entry(ctx, job) is None:
                return "cancelled"
        if await self._standing(ctx, job) == "running":
            await self._expect(ctx, "POST", "/interrupt", body={"prompt_id": job})
            return "requested"
        return "too_late"

    async def reconcile(self, ctx: Ctx, token: str) -> Outcome | None:
        return await self._look(ctx, self._handle(token, token))

    def verify_webhook(
        self, connection: Connection, headers: Mapping[str, str], body: bytes, at: datetime
    ) -> Handle | None:
        raise BadSignature("This provider calls nobody.")

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {connection.secret.reveal()}"} if connection.secret else {}

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError:
        error = reply.document().get("error")
        code = str(error.get("type", "")) if isinstance(error, dict) else ""
        return faults.by_status(reply, billable=billable, code=code)

    async def probe(self, ctx: Ctx) -> Health:
        reply = await self._call(ctx, "GET", "/system_stats")
        system = reply.document().get("system") or {}
        return Health(reply.status == 200, f"status {reply.status}, ComfyUI {system.get('comfyui_version', '?')}")

    async def _look(self, ctx: Ctx, handle: Handle) -> Done | Running | None:
        """What became of a job; None for one that the server does not know."""
        job = str(handle.data["id"])
        entry = await self._entry(ctx, job)
        if entry is None and await self._standing(ctx, job) == "absent":
            # It may have gone from the one to the other meanwhile.
            entry = await self._entry(ctx, job)
            if entry is None:
                return None
        if entry is not None:
            found = reading.outcome(entry, prefix=str(handle.data["token"]), connection=ctx.connection)
            if found is not None:
                return found
        return Running(handle, _AGAIN_SECONDS)

    async def _entry(self, ctx: Ctx, job: str) -> Mapping[str, Any] | None:
        found = (await self._expect(ctx, "GET", f"/history/{job}")).get(job)
        return found if isinstance(found, dict) else None

    async def _standing(self, ctx: Ctx, job: str) -> reading.Standing:
        return reading.standing(await self._expect(ctx, "GET", "/queue"), job)

    async def _upload(self, ctx: Ctx, part: FilePart) -> str:
        """A file to the server, under the name of its content; how the workflow calls it. Nothing is begun by that."""
        media = part.media
        name = f"{media.sha256}.{media.media_type.partition('/')[2]}"
        content = await ctx.read(media)
        form = http.Form(
            {"overwrite": "true", "subfolder": "wildmind", "type": "input"},
            (http.Part("image", content, media.media_type, name),),
        )
        try:
            reply = await self._call(ctx, "POST", "/upload/image", body=form)
        except UnknownOutcome as exc:
            raise TransientBeforeSend(f"a file on its way: {exc}") from exc
        if reply.status != 200:
            raise self.classify(reply, billable=False)
        kept = reply.document()
        if not kept.get("name"):
            raise Overloaded("the server did not say how it calls a file")
        folder = str(kept.get("subfolder") or "")
        return f"{folder}/{kept['name']}" if folder else str(kept["name"])

    async def _expect(self, ctx: Ctx, method: str, path: str, *, body: Any = None) -> Mapping[str, Any]:
        """A call that begins no job. A server that cannot be reached is overloaded: asking again does no harm."""
        try:
            reply = await self._call(ctx, method, path, body=body)
        except UnknownOutcome as exc:
            raise Overloaded(str(exc)) from exc
        if reply.status != 200:
            raise self.classify(reply, billable=False)
        found = reply.json()
        if method == "GET" and not isinstance(found, dict):
            raise Overloaded("an answer that is no JSON")
        return found if isinstance(found, dict) else {}

    async def _call(self, ctx: Ctx, method: str, path: str, *, body: Any = None) -> Reply:
        url, headers = ctx.connection.url(path), self.authorize(ctx.connection)
        return await http.call(
            method, url, connection=ctx.connection, body=body, headers=headers, most_bytes=_MOST_BYTES
        )

    def _refusal(self, reply: Reply, places: Any) -> ProviderError:
        """Why a workflow was not taken. One that the server cannot run whatever is asked for is gone: a model or a node
        is missing there."""
        error = self.classify(reply, billable=True)
        if not isinstance(error, InvalidParams):
            return error
        setting = mapping.blamed(reply.document().get("node_errors"), places)
        if setting:
            return InvalidParams(str(error), field=setting, provider_code=error.provider_code)
        if error.provider_code is None:
            return error
        return ModelGone("the server cannot run this workflow", provider_code=error.provider_code)

    def _handle(self, job: str, token: str) -> Handle:
        return Handle(self.wire_version, {"id": job, "token": token})
