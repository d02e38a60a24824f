from uuid import uuid4

import pytest
from django.utils import timezone

from core.secrets import Secret
from providers import gateway, registry
from providers.contracts import Connection, Ctx, Running
from providers.errors import InvalidParams, ProviderFailed, UnknownOutcome
from tests.providers.conformance.case import picture
from tests.providers.conformance.conftest import revision_of, run
from tests.providers.servers import serving
from tests.providers.servers.luma import LumaServer

PARAMS = {"prompt": "a fox", "width": 1024, "height": 1024}
FILM = {"prompt": "a fox runs"}


@pytest.fixture
def server():
    with serving(LumaServer()) as running:
        yield running


def context(server, *, webhook_url="", **options):
    url = f"{server.url}/dream-machine/v1"
    route = Connection(uuid4(), "luma", "test", url, Secret(server.secret), options, ("127.0.0.1",))
    return Ctx(lambda _: None, directives_allowed=False, connection=route, webhook_url=webhook_url)


async def submitted(ctx, token):
    return await gateway.submit(
        ctx=ctx, revision=revision_of("photon-1"), params=PARAMS, token=token, deadline=timezone.now()
    )


def test_a_file_is_refused_by_name_since_it_could_only_be_given_by_a_public_address():
    for slug, params, role in (
        ("photon-1", {**PARAMS}, "input"), ("photon-1", {**PARAMS}, "reference"),
        ("ray-2", {**FILM, "duration_s": 5}, "first_frame"),
    ):  # fmt: skip
        with pytest.raises(InvalidParams, match="public address") as refused:
            gateway.plan(revision=revision_of(slug), params=params, deadline=timezone.now(), inputs=(picture(role),))
        assert refused.value.field == role


def test_a_film_is_never_shorter_than_ordered_and_says_when_it_is_longer():
    plan = gateway.plan(revision=revision_of("ray-2"), params={**FILM, "duration_s": 6}, deadline=timezone.now())
    assert plan.payload["duration"] == "9s"
    assert [(note.field, note.asked, note.used) for note in plan.notes] == [("duration_s", "6", "9")]
    with pytest.raises(InvalidParams) as refused:
        gateway.plan(revision=revision_of("ray-2"), params={**FILM, "duration_s": 10}, deadline=timezone.now())
    assert refused.value.field == "duration_s"


def test_a_lost_order_is_found_behind_more_than_a_page_of_later_ones(server):
    token = str(uuid4())
    ctx = context(server, webhook_url=f"https://site.example/hooks/providers/{token}")

    async def work():
        try:
            server.fault("cut_after")
            with pytest.raises(UnknownOutcome):
                await submitted(ctx, token)
            (lost,) = server.works
            for _ in range(120):
                server.works[str(uuid4())] = {**server.works[lost], "request": {**PARAMS, "model": "photon-1"}}
            found = await gateway.reconcile(ctx=ctx, revision=revision_of("photon-1"), token=token, params=PARAMS)
            assert isinstance(found, Running)
            assert found.handle.data == {"id": lost, "asset": "image"}
        finally:
            await gateway.close()

    run(work())


def test_where_orders_carry_no_mark_nobody_says_that_one_never_arrived(server):
    ctx = context(server, find_lost=False)

    async def work():
        try:
            await submitted(ctx, str(uuid4()))
            assert "callback_url" not in server.billed[-1].body
            with pytest.raises(UnknownOutcome):
                await gateway.reconcile(ctx=ctx, revision=revision_of("photon-1"), token=str(uuid4()), params=PARAMS)
        finally:
            await gateway.close()

    run(work())


def test_a_list_too_long_to_look_through_proves_nothing(server):
    ctx = context(server)

    async def work():
        try:
            await submitted(ctx, str(uuid4()))
            (known,) = server.works
            for _ in range(1_050):
                server.works[str(uuid4())] = server.works[known]
            with pytest.raises(UnknownOutcome, match="too much"):
                await gateway.reconcile(ctx=ctx, revision=revision_of("photon-1"), token=str(uuid4()), params=PARAMS)
        finally:
            await gateway.close()

    run(work())


def test_a_failure_that_is_no_refusal_may_be_tried_again(server):
    server.fault("failed")
    ctx = context(server)

    async def work():
        try:
            outcome = await submitted(ctx, str(uuid4()))
            with pytest.raises(ProviderFailed):
                for _ in range(3):
                    outcome = await registry.adapter("luma").check(ctx, outcome.handle)
        finally:
            await gateway.close()

    run(work())
