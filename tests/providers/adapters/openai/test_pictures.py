"""What the suite cannot know of OpenAI's pictures."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from core.secrets import Secret
from providers import gateway
from providers.contracts import Connection, Ctx
from providers.errors import BadOutput, InvalidParams
from tests.providers.conformance.conftest import revision_of
from tests.providers.servers import serving
from tests.providers.servers.openai import OpenAIServer

_ASKED = {"prompt": "a fox", "width": 1024, "height": 1024}


async def _submit(server: OpenAIServer, **options: Any) -> Any:
    connection = Connection(uuid4(), "openai", "test", f"{server.url}/v1", Secret(server.secret), options)
    ctx = Ctx(progress=lambda _: None, directives_allowed=False, connection=connection)
    try:
        return await gateway.submit(
            ctx=ctx, revision=revision_of("gpt-image-2.6-flare"), params=_ASKED, token=str(uuid4()),
            deadline=timezone.now() + timedelta(minutes=5),
        )  # fmt: skip
    finally:
        await gateway.close()


def test_a_page_in_place_of_a_picture_is_no_refusal() -> None:
    with serving(OpenAIServer()) as server:
        server.fault("bad_json")
        with pytest.raises(BadOutput):
            asyncio.run(_submit(server))


def test_the_account_that_pays_is_named_where_the_connection_says_so() -> None:
    with serving(OpenAIServer()) as server:
        asyncio.run(_submit(server, organization="org-1", project="proj-1"))
        sent = server.billed[0].headers
    assert (sent["OpenAI-Organization"], sent["OpenAI-Project"]) == ("org-1", "proj-1")


def test_a_jpeg_without_a_ground_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(InvalidParams) as refused:
        gateway.plan(revision=revision_of("gpt-image-2.6-flare"), deadline=timezone.now(),
                     params={**_ASKED, "background": "transparent", "format": "jpeg"})  # fmt: skip
    assert refused.value.field == "background"


def test_a_model_waits_as_long_as_its_file_says() -> None:
    plan = gateway.plan(revision=revision_of("gpt-image-2.6-sunburst"), deadline=timezone.now(), params=_ASKED)
    assert plan.about["read_seconds"] == 400.0
