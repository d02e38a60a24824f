import base64
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from core.secrets import Secret
from providers import gateway, registry
from providers.contracts import Connection, Ctx, Delivered, Handle, Refused
from providers.errors import BadOutput, BadSignature, InvalidParams, ProviderFailed, UnknownOutcome
from providers.wire import Reply
from tests.providers.conformance.case import PICTURE, picture, reading
from tests.providers.conformance.conftest import revision_of, run
from tests.providers.servers import serving
from tests.providers.servers.bfl import BFLServer, signed

SECRET = "told to nobody"
PARAMS = {"prompt": "a fox", "width": 1024, "height": 1024}


@pytest.fixture
def server():
    with serving(BFLServer()) as running:
        yield running


def connected(server, **options):
    url = f"{server.url}/v1"
    return Connection(uuid4(), "bfl", "test", url, Secret(server.secret), options, ("127.0.0.1",))


def submitted(connection, *, inputs=(), webhook_url="", **more):
    ctx = Ctx(lambda _: None, directives_allowed=False, connection=connection, webhook_url=webhook_url, read=reading)
    params = {**PARAMS, **more}

    async def work():
        try:
            outcome = await gateway.submit(
                ctx=ctx, revision=revision_of("flux-2-pro"), params=params, inputs=inputs, token=str(uuid4()),
                deadline=timezone.now() + timedelta(minutes=5),
            )  # fmt: skip
            looks = 5
            while looks and hasattr(outcome, "handle"):
                looks -= 1
                outcome = await gateway.check(
                    ctx=ctx, revision=revision_of("flux-2-pro"), handle=outcome.handle, params=params
                )
            return outcome
        finally:
            await gateway.close()

    return run(work())


async def looked(ctx, handle):
    try:
        return await gateway.check(ctx=ctx, revision=revision_of("flux-2-pro"), handle=handle, params=PARAMS)
    finally:
        await gateway.close()


def test_our_key_never_goes_to_a_host_that_only_looks_like_theirs(server):
    server.fault("foreign_polling")
    with pytest.raises(UnknownOutcome, match="not its own"):
        submitted(connected(server))
    adapter, route = registry.adapter("bfl"), connected(server)
    for url in (
        "https://bfl.ai.elsewhere.example/x", "https://api.bfl.ai@elsewhere.example/x", "http://api.bfl.ai/x",
        "https://notbfl.ai/x",
    ):  # fmt: skip
        ctx = Ctx(lambda _: None, directives_allowed=False, connection=route)
        with pytest.raises(UnknownOutcome, match="not its own"):
            run(adapter.check(ctx, Handle(1, {"id": "x", "polling_url": url})))


def test_a_webhook_is_asked_for_only_where_it_can_be_told_from_a_forgery(server):
    submitted(connected(server), webhook_url="https://site.example/hooks/1")
    assert not {"webhook_url", "webhook_secret"} & set(server.billed[-1].body)
    submitted(connected(server, webhook_secret=SECRET), webhook_url="https://site.example/hooks/1")
    sent = server.billed[-1].body
    assert (sent["webhook_url"], sent["webhook_secret"]) == ("https://site.example/hooks/1", SECRET)


def test_without_a_secret_no_webhook_is_believed_not_even_one_signed_with_none(server):
    now = timezone.now()
    headers, body = signed("", "op-1", now)
    with pytest.raises(BadSignature):
        registry.adapter("bfl").verify_webhook(connected(server), headers, body, now)


def test_what_a_webhook_names_is_held_to_be_a_picture(server):
    server.always("wrong_mime")
    with pytest.raises(BadOutput, match="something unknown"):
        submitted(connected(server))
    name = next(iter(server.works))
    now = timezone.now()
    headers, body = signed(SECRET, name, now)
    route = connected(server, webhook_secret=SECRET)
    handle = registry.adapter("bfl").verify_webhook(route, headers, body, now)
    ctx = Ctx(lambda _: None, directives_allowed=False, connection=route)
    with pytest.raises(BadOutput, match="something unknown"):
        run(looked(ctx, handle))


def test_pictures_go_in_their_order_as_base64(server):
    submitted(connected(server), operation="edit", inputs=(picture(), picture("reference")))
    sent = server.billed[-1].body
    assert base64.b64decode(sent["input_image"]) == base64.b64decode(sent["input_image_2"]) == PICTURE


def test_a_mask_is_refused_by_name_and_not_taken_for_a_picture():
    with pytest.raises(InvalidParams) as refused:
        gateway.plan(
            revision=revision_of("flux-2-pro"), params={**PARAMS, "operation": "edit"}, deadline=timezone.now(),
            inputs=(picture(), picture("mask")),
        )  # fmt: skip
    assert refused.value.field == "mask"


def test_the_cost_is_theirs_at_what_a_credit_costs_us(server):
    made = submitted(connected(server, credit_usd_micros=8_000))
    assert isinstance(made, Delivered)
    assert (made.usage.cost_usd_micros, made.usage.source) == (24_000, "provider")


def test_a_filtered_result_is_booked_and_a_filtered_request_is_free(server):
    server.fault("content_moderated")
    late = submitted(connected(server))
    server.fault("request_moderated")
    early = submitted(connected(server))
    assert isinstance(late, Refused)
    assert isinstance(early, Refused)
    assert (late.stage, late.spent.usd_micros) == ("output", 30_000)
    assert (early.stage, early.spent.usd_micros) == ("input", None)
    assert late.categories == ("Safety Filter",)


def test_the_field_that_they_did_not_take_is_named():
    body = b'{"detail":[{"loc":["body","width"],"msg":"must be a multiple of 16","type":"value_error"}]}'
    found = registry.adapter("bfl").classify(Reply(422, {}, body), billable=True)
    assert isinstance(found, InvalidParams)
    assert found.field == "width"


def test_a_failed_task_may_be_tried_again_and_is_no_refusal(server):
    server.fault("failed")
    with pytest.raises(ProviderFailed):
        submitted(connected(server))
