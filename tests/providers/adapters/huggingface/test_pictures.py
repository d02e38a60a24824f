"""What Hugging Face says of a model that is not ready, and endpoints of one's own."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from core.secrets import Secret
from providers import gateway, registry
from providers.contracts import Connection, Ctx, Delivered
from providers.errors import BadOutput, InvalidParams, NotYet
from tests.providers.conformance.conftest import revision_of
from tests.providers.servers import serving
from tests.providers.servers.huggingface import HuggingFaceServer

_ASKED = {"prompt": "a fox", "width": 512, "height": 512}


def _asked(server: HuggingFaceServer, path: str = "/hf-inference", **options: Any) -> Any:
    return asyncio.run(_submit(_ctx(server, path, options)))


def _ctx(server: HuggingFaceServer, path: str, options: dict[str, Any]) -> Ctx:
    connection = Connection(uuid4(), "huggingface", "test", server.url + path, Secret(server.secret), options)
    return Ctx(progress=lambda _: None, directives_allowed=False, connection=connection)


async def _submit(ctx: Ctx) -> Any:
    try:
        return await gateway.submit(
            ctx=ctx, revision=revision_of("flux-1-schnell-hf"), params=_ASKED, token=str(uuid4()),
            deadline=timezone.now() + timedelta(minutes=5),
        )  # fmt: skip
    finally:
        await gateway.close()


@pytest.mark.parametrize(("said", "waits"), [(31.5, 31.5), (0.01, 1.0), (9_000.0, 120.0)])
def test_a_model_that_is_being_loaded_is_waited_for_as_long_as_it_says(said: float, waits: float) -> None:
    with serving(HuggingFaceServer()) as server:
        server.fault("loading", value=said)
        with pytest.raises(NotYet) as waiting:
            _asked(server)
        assert waiting.value.retry_after_seconds == waits
        assert isinstance(_asked(server), Delivered)


def test_an_endpoint_of_ones_own_is_called_at_its_own_address() -> None:
    with serving(HuggingFaceServer()) as server:
        assert isinstance(_asked(server, "/endpoint", endpoint=True, bill_to="house"), Delivered)
        assert server.billed[0].path == "/endpoint"
        assert server.billed[0].headers["X-HF-Bill-To"] == "house"


@pytest.mark.parametrize(("path", "options"), [("/endpoint", {"endpoint": True}), ("/hf-inference", {})])
def test_it_is_seen_whether_it_lives(path: str, options: dict[str, Any]) -> None:
    async def probe(ctx: Ctx) -> Any:
        try:
            return await registry.adapter("huggingface").probe(ctx)
        finally:
            await gateway.close()

    with serving(HuggingFaceServer()) as server:
        assert asyncio.run(probe(_ctx(server, path, options))).ok


@pytest.mark.parametrize("fault", ["wrong_mime", "empty"])
def test_a_page_or_nothing_is_no_picture(fault: str) -> None:
    with serving(HuggingFaceServer()) as server:
        server.fault(fault)
        with pytest.raises(BadOutput):
            _asked(server)


def test_what_the_weights_do_not_know_is_refused_by_name() -> None:
    with pytest.raises(InvalidParams) as refused:
        gateway.plan(revision=revision_of("flux-1-schnell-hf"), params={**_ASKED, "negative_prompt": "snow"},
                     deadline=timezone.now())  # fmt: skip
    assert refused.value.field == "negative_prompt"
