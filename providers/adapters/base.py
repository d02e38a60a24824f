"""What every adapter promises."""

from collections.abc import AsyncIterator, Awaitable, Mapping
from datetime import datetime
from typing import ClassVar, Protocol

from providers.contracts import (
    Cancelled,
    CanonicalRequest,
    Connection,
    Ctx,
    Delta,
    Done,
    Handle,
    Health,
    Needs,
    Outcome,
    Placement,
    Refused,
    Resubmit,
    Revision,
    WirePlan,
)
from providers.errors import ProviderError
from providers.wire import Reply


class Adapter(Protocol):
    """One kind of provider. Adapters hold no state of a call: one serves all.

    `placement` says which pool runs it: `cpu` for work in our own processes, `io` for waiting on a wire.
    `resubmit` says what may happen when a submission's outcome is unknown: `safe` repeats it, `lookup`
    asks `reconcile` first, `never` waits for evidence. `webhooks` says whether the provider brings any by itself.
    `plan` is pure and raises InvalidParams, with the field, for what the model cannot do.
    `submit` makes exactly one billable request.
    `reconcile` gives what became of a token, or None when the provider proves that it never saw it; it raises while
    it cannot tell.
    `verify_webhook` raises BadSignature; gives the operation's handle if the call names it, so that an attempt whose
    answer was lost can adopt it.
    `authorize` gives the headers that carry the secret.
    `classify` is pure: what an answer that is no success means. `billable` says whether it answers a submission.
    `probe` uses what costs nothing.
    Errors are raised as `providers.errors.ProviderError`; refusals are returned.
    """

    kind: ClassVar[str]
    wire_version: ClassVar[int]
    placement: ClassVar[Placement]
    resubmit: ClassVar[Resubmit]
    webhooks: ClassVar[bool]
    needs: ClassVar[Needs]

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan: ...

    def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Awaitable[Outcome]: ...

    def check(self, ctx: Ctx, handle: Handle) -> Awaitable[Outcome]: ...

    def cancel(self, ctx: Ctx, handle: Handle) -> Awaitable[Cancelled]: ...

    def reconcile(self, ctx: Ctx, token: str) -> Awaitable[Outcome | None]: ...

    def verify_webhook(
        self, connection: Connection, headers: Mapping[str, str], body: bytes, at: datetime
    ) -> Handle | None: ...

    def authorize(self, connection: Connection) -> Mapping[str, str]: ...

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused: ...

    def probe(self, ctx: Ctx) -> Awaitable[Health]: ...


class StreamingText(Protocol):
    """An adapter whose texts come piece by piece. The last item is the whole: Done or Refused. An error after the first
    piece ends the stream; it is never begun again."""

    def stream(self, ctx: Ctx, plan: WirePlan, token: str) -> AsyncIterator[Delta | Done | Refused]: ...
