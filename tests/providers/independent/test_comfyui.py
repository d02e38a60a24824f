"""The adapter against a real ComfyUI, which needs no weights for this: `main.py --cpu --listen 127.0.0.1`, then
`WILDMIND_COMFYUI_URL=http://127.0.0.1:8188 pytest tests/providers/independent`."""

import asyncio
import os
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from uuid import uuid4

import pytest
from django.utils import timezone
from PIL import Image

from core.secrets import Secret
from providers import gateway
from providers.contracts import Connection, Ctx, Delivered
from providers.errors import InvalidParams, ModelGone
from tests.providers.conformance.case import picture, reading
from tests.providers.conformance.conftest import revision_of

ADDRESS = os.environ.get("WILDMIND_COMFYUI_URL", "")
pytestmark = pytest.mark.skipif(not ADDRESS, reason="WILDMIND_COMFYUI_URL names no server")

PAINTED = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}},
    "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "ComfyUI"}},
}
INVERTED = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
    **{number: PAINTED[number] for number in ("2", "3")},
}


def revision(workflow, task="image", **places):
    base = revision_of("comfyui-text-to-image")
    upstream = {"workflow": workflow, "places": places}
    return replace(base, spec={**base.spec, "task": task, "upstream": upstream, "input": {"properties": {}}})


def ctx():
    connection = Connection(uuid4(), "comfyui", "real", ADDRESS, Secret())
    return Ctx(progress=lambda _: None, directives_allowed=False, connection=connection, read=reading)


def made(revision, params, *files, token=None, forget=False):
    async def work():
        try:
            found = await gateway.submit(
                ctx=ctx(), revision=revision, params=params, inputs=files, token=token or str(uuid4()),
                deadline=timezone.now() + timedelta(minutes=1),
            )  # fmt: skip
            if forget:
                found = await gateway.reconcile(ctx=ctx(), revision=revision, token=token, params=params)
            while not isinstance(found, Delivered):
                await asyncio.sleep(0.2)
                found = await gateway.check(ctx=ctx(), revision=revision, handle=found.handle, params=params)
            return found
        finally:
            await gateway.close()

    return asyncio.run(work())


def test_a_picture_is_made_each_time_it_is_asked_for():
    drawn = revision(PAINTED, width="1.width", height="1.height", shade="1.color")
    for _ in range(2):
        found = made(drawn, {"width": 96, "height": 80, "shade": 255})
        picture = Image.open(BytesIO(found.artifacts[0].content)).convert("RGB")
        assert picture.size == (96, 80)
        assert picture.getpixel((5, 5)) == (255, 255, 0)


def test_a_picture_goes_in_and_comes_out_inverted():
    found = made(revision(INVERTED, "image_edit", image="1.image"), {}, picture())
    assert Image.open(BytesIO(found.artifacts[0].content)).convert("RGB").getpixel((5, 5)) == (0xBF, 0x7F, 0x3F)


def test_a_lost_answer_is_found_by_our_name():
    assert isinstance(made(revision(PAINTED), {}, token=str(uuid4()), forget=True), Delivered)


def test_a_job_that_the_server_never_saw_is_absent():
    async def work():
        try:
            return await gateway.reconcile(ctx=ctx(), revision=revision(PAINTED), token=str(uuid4()), params={})
        finally:
            await gateway.close()

    assert asyncio.run(work()) is None


def test_what_is_wrong_is_said_by_its_setting_and_a_missing_node_closes_the_route():
    with pytest.raises(InvalidParams) as refused:
        made(revision(PAINTED, shade="1.color"), {"shade": -1})
    assert refused.value.field == "shade"
    unknown = {**PAINTED, "2": {"class_type": "NoSuchNode", "inputs": {"image": ["1", 0]}}}
    with pytest.raises(ModelGone):
        made(revision(unknown), {})
