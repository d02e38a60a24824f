"""Each adapter beside its server, on a connection as an operator has it."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import override_settings
from django.utils import timezone

from core.secrets import Secret
from providers import catalog, gateway, registry
from providers.adapters.base import Adapter
from providers.contracts import Connection, Ctx, Handle, Revision
from tests.providers.conformance.case import Case, Sample, cases, reading
from tests.providers.servers import ProtocolServer, serving

EXAMPLES = Path(__file__).parent.parent / "catalogue"


@dataclass
class Bench:
    """An adapter, its provider, and a way to use the one on the other."""

    case: Case
    server: ProtocolServer
    connection: Connection

    @property
    def adapter(self) -> Adapter:
        return registry.adapter(self.case.kind)

    def revision(self, sample: Sample | None = None) -> Revision:
        return revision_of((sample or self.case.first).slug)

    def ctx(self, *, webhook_url: str = "") -> Ctx:
        return Ctx(progress=lambda _: None, directives_allowed=False, connection=self.connection,
                   webhook_url=webhook_url, read=reading)  # fmt: skip

    def called(self, token: str) -> str:
        return f"{self.case.site}/hooks/providers/{token}" if self.case.site else ""

    def submit(self, sample: Sample | None = None, *, token: str = "", **more: Any) -> Any:
        sample = sample or self.case.first
        return run(self._submit(sample, {**sample.params, **more}, token or str(uuid4())))

    async def _submit(self, sample: Sample, params: dict[str, Any], token: str) -> Any:
        try:
            return await gateway.submit(
                ctx=self.ctx(webhook_url=self.called(token)), revision=self.revision(sample), params=params,
                inputs=sample.inputs,
                deadline=timezone.now() + timedelta(minutes=5), token=token,
            )  # fmt: skip
        finally:
            await gateway.close()

    def check(self, handle: Handle, sample: Sample | None = None) -> Any:
        sample = sample or self.case.first
        # As it comes back from the table.
        kept = Handle(handle.version, json.loads(json.dumps(dict(handle.data))))
        return run(_closing(gateway.check(
            ctx=self.ctx(), revision=self.revision(sample), handle=kept, params=sample.params)))  # fmt: skip

    def reconcile(self, token: str) -> Any:
        return run(_closing(gateway.reconcile(
            ctx=self.ctx(webhook_url=self.called(token)), revision=self.revision(), token=token,
            params=self.case.first.params)))  # fmt: skip

    def cancel(self, handle: Handle) -> Any:
        return run(_closing(gateway.cancel(ctx=self.ctx(), revision=self.revision(), handle=handle)))

    def finish(self, outcome: Any, sample: Sample | None = None, *, looks: int = 50) -> Any:
        """Looks until the provider is done. Raises what a look raises."""
        while looks and hasattr(outcome, "handle"):
            looks -= 1
            outcome = self.check(outcome.handle, sample)
        return outcome

    def elsewhere(self, base_url: str) -> "Bench":
        return replace(self, connection=replace(self.connection, base_url=base_url))


async def _closing(work: Any) -> Any:
    try:
        return await work
    finally:
        await gateway.close()


def run(work: Any) -> Any:
    return asyncio.run(_closing(work))


@lru_cache(maxsize=1)
def _specs() -> dict[str, dict[str, Any]]:
    """What the files say, the built-in ones and those of an operator, read once."""
    with override_settings(PROVIDERS_MODELS=[], PROVIDERS_CATALOGUE_DIRS=[str(EXAMPLES)]):
        return {spec["slug"]: spec for spec in catalog.files()}


def revision_of(slug: str) -> Revision:
    """The catalogue file's revision, without a database."""
    spec = _specs()[slug]
    return Revision("0" * 64, slug, spec["version"], spec["pipeline"], spec["adapter"], spec["name"], spec)


@pytest.fixture(scope="module", params=cases(), ids=lambda case: case.kind)
def _served(request: pytest.FixtureRequest) -> Iterator[tuple[Case, ProtocolServer]]:
    case = request.param
    with serving(case.server()) as server:
        yield case, server


@pytest.fixture
def bench(_served: tuple[Case, ProtocolServer]) -> Bench:
    case, server = _served
    server.reset()
    needs = registry.adapter(case.kind).needs
    hosts = (*needs.result_hosts, "127.0.0.1") if case.fetched else needs.result_hosts
    url = server.url + case.base_path
    return Bench(case, server, Connection(uuid4(), case.kind, "test", url, Secret(server.secret), case.options, hosts))
