"""A folder of weights as a model: what is in it is what was pinned, and it draws without asking anybody anything."""

import asyncio
import shutil
from datetime import UTC, datetime
from importlib.util import find_spec
from io import BytesIO
from uuid import UUID

import pytest
from PIL import Image

from core.secrets import Secret
from providers import gateway, registry
from providers.adapters.diffusers.folder import content_hash
from providers.contracts import CanonicalRequest, Connection, Ctx, Done, Media, Revision
from providers.errors import InvalidParams, ModelGone, UnknownAdapter
from tests.providers.adapters.diffusers import tiny
from tests.providers.servers import png

HERE = find_spec("diffusers") is not None and find_spec("torch") is not None
library = pytest.mark.skipif(not HERE, reason="torch and diffusers are not installed: requirements-diffusers.in")
# The libraries' own deprecations are theirs.
pytestmark = pytest.mark.filterwarnings("ignore")
PROPERTIES = {"prompt": {"type": "string"}, "width": {"type": "integer"}, "height": {"type": "integer"}}


def spec(folder, *, task="image", **upstream):
    return {
        "slug": "tiny", "version": "1", "pipeline": "image", "task": task, "adapter": "diffusers", "name": "Tiny",
        "upstream": {"folder": str(folder), "sha256": content_hash(folder), "defaults": {"num_inference_steps": 2},
                     **upstream},
        "input": {"properties": PROPERTIES if task == "image" else {"prompt": {"type": "string"}},
                  "additionalProperties": False},
        "capabilities": {"max_per_call": 1, "seed": "exact", "sizes": {"kind": "wxh", "multiple": 8}},
    }  # fmt: skip


def revision(spec):
    return Revision("0" * 64, spec["slug"], "1", "image", "diffusers", "Tiny", spec)


async def _reading(media):
    return png(width=70, height=64)


def ctx(progress=lambda _: None):
    connection = Connection(UUID(int=0), "diffusers", "here", "", Secret())
    return Ctx(progress=progress, directives_allowed=False, connection=connection, read=_reading)


def plan(spec, *files, **params):
    request = CanonicalRequest(spec["task"], {"prompt": "a fox", "seed": 7, **params}, datetime.now(UTC), files)
    return registry.adapter("diffusers").plan(revision(spec), request)


def draw(spec, *files, progress=lambda _: None, **params):
    return asyncio.run(registry.adapter("diffusers").submit(ctx(progress), plan(spec, *files, **params), "t-1"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("models") / "tiny"
    tiny.build(found)
    return found


@pytest.mark.skipif(HERE, reason="torch and diffusers are installed")
def test_without_the_library_its_models_are_not_on_offer(tmp_path):
    with pytest.raises(UnknownAdapter, match="diffusers"):
        registry.adapter("diffusers")
    assert not gateway.is_served(revision(spec(tmp_path)))


def test_a_folder_is_what_is_in_it_and_not_where_it_is(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    (first / "unet").mkdir(parents=True)
    (first / "unet" / "weights").write_bytes(b"1")
    shutil.copytree(first, second)
    (second / ".cache").mkdir()
    (second / ".cache" / "x").write_bytes(b"whatever")
    assert content_hash(first) == content_hash(second)
    (second / "unet" / "weights").write_bytes(b"2")
    assert content_hash(first) != content_hash(second)
    (first / "unet" / "weights").rename(first / "unet" / "weight")
    assert content_hash(first) != content_hash(second)


@library
def test_the_same_seed_gives_the_same_picture_and_another_seed_another(folder):
    one, again, other = (draw(spec(folder), width=64, height=48, seed=seed) for seed in (7, 7, 8))
    assert isinstance(one, Done)
    assert one.artifacts[0].content == again.artifacts[0].content != other.artifacts[0].content
    picture = Image.open(BytesIO(one.artifacts[0].content))
    assert (picture.format, picture.size) == ("PNG", (64, 48))


@library
def test_each_step_is_heard_of(folder):
    heard = []
    draw(spec(folder), progress=heard.append, width=64, height=64, steps=4)
    assert heard == [0.25, 0.5, 0.75, 1.0]


@library
def test_a_picture_is_drawn_over_and_keeps_its_size(folder):
    media = Media("input", "image/png", 1, "0" * 64, "picture")
    done = draw(spec(folder, task="image_edit"), media, strength=0.9, steps=4)
    assert Image.open(BytesIO(done.artifacts[0].content)).size == (64, 64)


@library
def test_a_folder_that_was_changed_is_not_run(folder, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(folder, changed)
    pinned = spec(changed)
    (changed / "scheduler" / "scheduler_config.json").write_text("{}")
    with pytest.raises(ModelGone, match="not what the catalogue pins"):
        draw(pinned, width=64, height=64)


@library
@pytest.mark.parametrize("loss", ["model_index.json", "unet/diffusion_pytorch_model.safetensors"])
def test_what_is_missing_in_a_folder_is_not_fetched_from_anywhere(folder, tmp_path, loss, monkeypatch):
    lacking = tmp_path / "lacking"
    shutil.copytree(folder, lacking)
    (lacking / loss).unlink()

    def called(*args, **kwargs):
        raise AssertionError("it called somebody")

    monkeypatch.setattr("socket.getaddrinfo", called)
    with pytest.raises(ModelGone):
        draw(spec(lacking), width=64, height=64)


@library
@pytest.mark.parametrize(
    ("params", "field"),
    [({"quality": "high"}, "quality"), ({"strength": 0.5}, "strength"), ({"style": "oil"}, "style")],
)
def test_what_a_pipeline_does_not_take_is_refused_by_name(folder, params, field):
    with pytest.raises(InvalidParams) as refused:
        plan(spec(folder), width=64, height=64, **params)
    assert refused.value.field == field


@library
def test_a_size_is_rounded_up_and_noted(folder):
    found = plan(spec(folder), width=60, height=64)
    assert (found.payload["width"], found.payload["height"]) == (64, 64)
    assert [note.field for note in found.notes] == ["size"]


@library
def test_work_that_nobody_waits_for_ends_after_its_step(folder):
    heard = []

    async def abandoned():
        adapter = registry.adapter("diffusers")
        planned = plan(spec(folder), width=64, height=64, steps=900)
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def progress(part):
            heard.append(part)
            loop.call_soon_threadsafe(begun.set)

        work = asyncio.create_task(adapter.submit(ctx(progress), planned, "t-1"))
        await asyncio.wait_for(begun.wait(), 60)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(abandoned())  # waits for its threads
    assert len(heard) < 450
