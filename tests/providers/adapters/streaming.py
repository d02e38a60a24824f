"""A text as it streams from an adapter: for the tests of adapters whose texts do."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from core.secrets import Secret
from providers import gateway, registry
from providers.contracts import Connection, Ctx
from tests.providers.conformance.conftest import revision_of
from tests.providers.servers import ProtocolServer


class Talk:
    """A model on a server. `parts` has what came so far, also when an error ended it."""

    def __init__(self, server: ProtocolServer, slug: str, *, base_path: str, **options: Any) -> None:
        self.revision = revision_of(slug)
        self.adapter = registry.adapter(self.revision.adapter)
        url = server.url + base_path
        self.connection = Connection(uuid4(), self.adapter.kind, "test", url, Secret(server.secret), options)
        self.parts: list[Any] = []

    def stream(self, params: Mapping[str, Any]) -> list[Any]:
        asyncio.run(self._stream(params))
        return self.parts

    async def _stream(self, params: Mapping[str, Any]) -> None:
        ctx = Ctx(progress=lambda _: None, directives_allowed=False, connection=self.connection)
        deadline = timezone.now() + timedelta(minutes=5)
        plan = gateway.plan(revision=self.revision, params=params, deadline=deadline)
        try:
            async for part in self.adapter.stream(ctx, plan, str(uuid4())):  # type: ignore[attr-defined]
                self.parts.append(part)
        finally:
            await gateway.close()
