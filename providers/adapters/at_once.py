"""For adapters of providers that answer a submission with its result: nothing is left to be asked about."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from providers.contracts import Cancelled, Connection, Ctx, Handle, Outcome, Refused, Resubmit
from providers.errors import BadSignature, Lost, ProviderError, UnknownOutcome
from providers.faults import by_status
from providers.wire import Reply


class AtOnce:
    """What was lost on the way cannot be found again: it is never repeated blindly, and never asked about."""

    wire_version: ClassVar[int] = 1
    resubmit: ClassVar[Resubmit] = "never"
    webhooks: ClassVar[bool] = False

    async def check(self, ctx: Ctx, handle: Handle) -> Outcome:
        raise Lost("This provider finishes in its answer: the handle is not one of its own.")

    async def cancel(self, ctx: Ctx, handle: Handle) -> Cancelled:
        return "unsupported"

    async def reconcile(self, ctx: Ctx, token: str) -> Outcome | None:
        raise UnknownOutcome("This provider cannot be asked about a submission.")

    def verify_webhook(
        self, connection: Connection, headers: Mapping[str, str], body: bytes, at: datetime
    ) -> Handle | None:
        raise BadSignature("This provider calls nobody.")

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        return {}

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        return by_status(reply, billable=billable)
