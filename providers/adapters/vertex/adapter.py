"""Vertex AI: pictures by generateContent, films by Veo's long-running predictions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar
from urllib.parse import quote, urlsplit

from providers import faults, http
from providers.adapters.at_once import AtOnce
from providers.adapters.google import failing
from providers.adapters.google import reading as gemini
from providers.adapters.inline import filled
from providers.adapters.vertex import mapping, reading, tokens
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
    Revision,
    WirePlan,
)
from providers.errors import BadOutput, Lost, Overloaded, ProviderError
from providers.wire import Reply

_ANYWHERE = "https://aiplatform.googleapis.com"
_STORAGE = "https://storage.googleapis.com"
_MOST_BYTES = 300_000_000


class VertexAdapter(AtOnce):
    """`options`: `project` (the key's own unless given), `location` (us-central1), `api_version` (v1beta1),
    `storage_uri` (where Veo is to put films; within the answer unless given), `storage_url`."""

    kind: ClassVar[str] = "vertex"
    placement: ClassVar[Placement] = "io"
    needs: ClassVar[Needs] = Needs(_ANYWHERE, "VERTEX_SERVICE_ACCOUNT")

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return mapping.plan(revision, request)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        ready = await filled(ctx, plan)
        film = plan.about["task"] == "video"
        options = ctx.connection.options
        if film and options.get("storage_uri"):
            parameters = {**ready.payload["parameters"], "storageUri": options["storage_uri"]}
            ready = replace(ready, payload={**ready.payload, "parameters": parameters})
        place = str(plan.about["location"] or options.get("location") or "us-central1")
        project = str(options.get("project") or tokens.account(ctx.connection).get("project_id", ""))
        parent = f"/projects/{quote(project, safe='')}/locations/{quote(place, safe='')}/publishers/google"
        reply = await http.send(
            replace(ctx, connection=_at(ctx.connection, place)), ready, headers=await self._bearer(ctx.connection),
            path=_versioned(ctx.connection, parent + plan.path), read_seconds=60.0 if film else 240.0,
            most_bytes=_MOST_BYTES,
        )  # fmt: skip
        if reply.status != 200:
            return faults.refused_or_raised(self._judged(ctx.connection, reply, billable=True))
        return reading.accepted(reply.document()) if film else gemini.picture(reply)

    async def check(self, ctx: Ctx, handle: Handle) -> Outcome:
        name = str(handle.data["operation"])
        model, place = name.partition("/operations/")[0], name.split("/")[3]
        connection = _at(ctx.connection, place)
        reply = await http.call(
            "POST", connection.url(_versioned(connection, f"/{model}:fetchPredictOperation")), connection=connection,
            body={"operationName": name}, headers=await self._bearer(ctx.connection), most_bytes=_MOST_BYTES,
        )  # fmt: skip
        if reply.status == 404:
            raise Lost("status 404")
        if reply.status != 200:
            return faults.refused_or_raised(self._judged(ctx.connection, reply, billable=False))
        outcome = reading.operation(reply.document(), handle)
        if isinstance(outcome, Done) and outcome.artifacts[0].url:
            return replace(outcome, artifacts=(await self._stored(ctx.connection, outcome.artifacts[0]),))
        return outcome

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        """With the token at hand: one that is to be asked for is asked for where it is needed."""
        token = tokens.kept(connection)
        return {"Authorization": f"Bearer {token}"} if token else {}

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        return failing.meaning(reply, billable=billable)

    async def probe(self, ctx: Ctx) -> Health:
        """That a token is given out is as much as can be found out for nothing."""
        await tokens.token(ctx.connection)
        return Health(ok=True, detail="a token was given out")

    async def _bearer(self, connection: Connection) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {await tokens.token(connection)}"}

    def _judged(self, connection: Connection, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        if reply.status == 401:
            tokens.forget(connection)
        return self.classify(reply, billable=billable)

    async def _stored(self, connection: Connection, artifact: Artifact) -> Artifact:
        """A film that Veo put into the operator's bucket. Raises BadOutput for one that lies elsewhere."""
        wanted, found = urlsplit(str(connection.options.get("storage_uri", ""))), urlsplit(artifact.url)
        if found.scheme != "gs" or not found.netloc or found.netloc != wanted.netloc:
            raise BadOutput("The film lies in a bucket that this connection does not name.")
        server = str(connection.options.get("storage_url") or _STORAGE).rstrip("/")
        address = f"{server}/storage/v1/b/{quote(found.netloc)}/o/{quote(found.path[1:], safe='')}?alt=media"
        reply = await http.call(
            "GET", address, connection=replace(connection, base_url=server), headers=await self._bearer(connection),
            read_seconds=300.0, most_bytes=_MOST_BYTES,
        )  # fmt: skip
        if reply.status != 200:
            # It was made, and may be there at the next look.
            raise Overloaded(f"the bucket: status {reply.status}")
        return replace(artifact, content=reply.body, url="")


def _versioned(connection: Connection, path: str) -> str:
    return f"/{connection.options.get('api_version', 'v1beta1')}{path}"


def _at(connection: Connection, place: str) -> Connection:
    """The connection at a place: each has a server of its own, unless the operator named one."""
    if connection.base_url.rstrip("/") != _ANYWHERE or place == "global":
        return connection
    return replace(connection, base_url=f"https://{place}-aiplatform.googleapis.com")
