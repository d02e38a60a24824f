"""An operator's own workflows: whose fault a fault is, and what is told apart on a server that many use."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from django.test import override_settings

from core.secrets import Secret
from providers import http
from providers.adapters.comfyui.adapter import ComfyUIAdapter
from providers.contracts import CanonicalRequest, Connection, Ctx, Done, Running
from providers.errors import InvalidParams, ModelGone, ProviderFailed, TransientBeforeSend
from tests.providers.conformance.case import picture, reading
from tests.providers.conformance.conftest import revision_of
from tests.providers.servers import serving
from tests.providers.servers.comfyui import ComfyUIServer

ADAPTER = ComfyUIAdapter()
with override_settings(PROVIDERS_CATALOGUE_DIRS=[str(Path(__file__).parent.parent.parent / "catalogue")]):
    DRAW, REPAINT = revision_of("comfyui-text-to-image"), revision_of("comfyui-image-to-image")


@pytest.fixture(scope="module")
def running():
    with serving(ComfyUIServer()) as server:
        yield server


@pytest.fixture
def server(running):
    running.reset()
    return running


def ctx(server, *, secret=ComfyUIServer.secret):
    connection = Connection(uuid4(), "comfyui", "ours", server.url, Secret(secret))
    return Ctx(progress=lambda _: None, directives_allowed=False, connection=connection, read=reading)


def plan(revision, *files, **params):
    return ADAPTER.plan(revision, CanonicalRequest(revision.spec["task"], params, datetime.now(UTC), files))


def run(*works):
    """One after another; what the last gives."""

    async def all_of_them():
        try:
            for work in works:
                found = await work
            return found
        finally:
            await http.close()

    return asyncio.run(all_of_them())


def submit(server, revision, *files, name="t-1", **params):
    return run(ADAPTER.submit(ctx(server), plan(revision, *files, **params), name))


def test_a_person_reads_which_setting_the_server_found_wrong(server):
    with pytest.raises(InvalidParams) as refused:
        submit(server, DRAW, prompt="a fox", steps=20_000)
    assert refused.value.field == "steps"


def test_a_checkpoint_that_the_server_lacks_is_no_fault_of_the_person(server):
    workflow = {**DRAW.spec["upstream"]["workflow"], "4": {
        "class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "lost.safetensors"}}}  # fmt: skip
    lacking = replace(DRAW, spec={**DRAW.spec, "upstream": {**DRAW.spec["upstream"], "workflow": workflow}})
    with pytest.raises(ModelGone):
        submit(server, lacking, prompt="a fox")


def test_the_catalogues_workflow_is_not_written_on():
    before = repr(DRAW.spec["upstream"]["workflow"])
    assert plan(DRAW, prompt="a fox").payload["prompt"]["6"]["inputs"]["text"] == "a fox"
    assert repr(DRAW.spec["upstream"]["workflow"]) == before


@pytest.mark.parametrize(
    ("revision", "files", "params", "field"),
    [
        (DRAW, (), {"prompt": "a fox", "strength": 0.5}, "strength"),
        (DRAW, (picture(),), {"prompt": "a fox"}, "image"),
        (REPAINT, (), {"prompt": "a fox"}, "image"),
        (REPAINT, (picture(), picture("mask")), {"prompt": "a fox"}, "mask"),
        (REPAINT, (picture(),), {"prompt": "a fox", "negative_prompt": "snow"}, "negative_prompt"),
    ],
)
def test_what_a_workflow_has_no_place_for_is_refused_by_name(revision, files, params, field):
    with pytest.raises(InvalidParams) as refused:
        plan(revision, *files, **params)
    assert refused.value.field == field


def test_a_picture_goes_up_once_under_the_name_of_its_content(server):
    for token in ("t-1", "t-2"):
        submit(server, REPAINT, picture(), name=token, prompt="a fox")
    assert list(server.files) == [f"wildmind/{'0' * 64}.png"]
    assert server.billed[0].body["prompt"]["1"]["inputs"]["image"] == f"wildmind/{'0' * 64}.png"


def test_a_picture_that_was_lost_on_its_way_has_begun_nothing(server, monkeypatch):
    monkeypatch.setattr(server, "is_billable", lambda request: request.path == "/upload/image")
    server.fault("cut")
    with pytest.raises(TransientBeforeSend):
        submit(server, REPAINT, picture(), prompt="a fox")
    assert server.works == {}


def test_the_same_words_again_are_made_again(server):
    graphs = []
    for token in ("t-1", "t-2"):
        submit(server, DRAW, name=token, prompt="a fox", seed=7)
        graphs.append(server.billed[-1].body["prompt"])
    assert graphs[0] != graphs[1]


def test_a_job_takes_its_own_files_and_nobody_elses(server):
    running = submit(server, DRAW, prompt="a fox", name="t-1")
    done = run(ADAPTER.check(ctx(server), running.handle))
    assert isinstance(done, Done)
    assert [("t-1_00001_.png" in item.url, item.media_type) for item in done.artifacts] == [(True, "image/png")]


def test_one_that_waits_is_taken_out_of_the_queue_and_the_running_one_is_left_alone(server):
    server.seconds = 600
    first = submit(server, DRAW, prompt="a fox", name="t-1")
    second = submit(server, DRAW, prompt="a hare", name="t-2")
    assert run(ADAPTER.cancel(ctx(server), second.handle)) == "cancelled"
    assert list(server.works) == ["t-1"]
    assert not [call for call in server.calls if call.path == "/interrupt"]
    assert isinstance(run(ADAPTER.check(ctx(server), first.handle)), Running)


def test_a_job_that_ended_between_two_looks_is_not_lost(server):
    running = submit(server, DRAW, prompt="a fox")
    server.seconds = 600
    server.ends_when_the_queue_is_read = True
    assert isinstance(run(ADAPTER.check(ctx(server), running.handle)), Done)


def test_a_failure_is_named_by_its_class_and_repeats_no_prompt(server):
    running = submit(server, DRAW, prompt="a fox")
    server.fault("failed")
    with pytest.raises(ProviderFailed) as failed:
        run(ADAPTER.check(ctx(server), running.handle))
    assert failed.value.provider_code == "torch.OutOfMemoryError"
    assert "fox" not in str(failed.value)


def test_an_older_server_that_names_jobs_itself_is_followed_by_its_name(server):
    server.names_itself = True
    running = submit(server, DRAW, prompt="a fox", name="t-9")
    assert running.handle.data == {"id": "job-0", "token": "t-9"}
    assert isinstance(run(ADAPTER.check(ctx(server), running.handle)), Done)


def test_a_server_without_a_proxy_is_sent_no_key(server):
    assert ADAPTER.authorize(ctx(server, secret="").connection) == {}
