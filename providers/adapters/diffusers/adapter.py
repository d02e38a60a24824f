"""Open models in our own workers, by the diffusers library: from a folder that the operator has put there, and nothing
is ever downloaded. Without the library there is no such adapter: its models are not on offer.
"""

import asyncio
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, ClassVar

from providers import params as asked
from providers.adapters.at_once import AtOnce
from providers.adapters.diffusers import engine
from providers.contracts import (
    Artifact,
    CanonicalRequest,
    Ctx,
    Done,
    FilePart,
    Health,
    Needs,
    Note,
    Outcome,
    Placement,
    Refused,
    Resubmit,
    Revision,
    WirePlan,
)
from providers.errors import InvalidParams

if find_spec("diffusers") is None or find_spec("torch") is None:
    raise ImportError("pip install -r requirements-diffusers.in")

_TASKS = {"image", "image_edit"}
_NAMES = {
    "prompt": "prompt", "negative_prompt": "negative_prompt", "seed": "seed", "steps": "num_inference_steps",
    "guidance": "guidance_scale", "strength": "strength",
}  # fmt: skip
# What plans carry for ourselves.
_OURS = {"n", "index", "of", "recall", "operation", "aspect_ratio", "width", "height"}
_MODEL = ("folder", "sha256", "device", "dtype", "threads")


class DiffusersAdapter(AtOnce):
    """Draws in a thread of a media worker. Repeating a call gives the same picture."""

    kind: ClassVar[str] = "diffusers"
    placement: ClassVar[Placement] = "cpu"
    resubmit: ClassVar[Resubmit] = "safe"
    needs: ClassVar[Needs] = Needs()

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        if request.task not in _TASKS:
            raise InvalidParams(f"The diffusers engine does not make {request.task}.", field="task")
        upstream = revision.spec["upstream"]
        settings = dict(upstream.get("defaults", {}))
        for name in sorted(set(request.params) - _OURS):
            value = request.params.get(name)
            if value is None or (name == "style" and value == "auto"):
                continue
            if name not in _NAMES or (name == "strength" and request.task == "image"):
                raise InvalidParams("this model does not take it", field=name)
            settings[_NAMES[name]] = value
        sized, notes = _size(revision, request)
        model = {name: upstream[name] for name in _MODEL if name in upstream}
        return WirePlan(
            {**settings, **sized}, files=_files(request), notes=notes, about={"task": request.task, "model": model}
        )

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        files = {part.field: await ctx.read(part.media) for part in plan.files}
        stopped = threading.Event()
        try:
            drawn = await asyncio.to_thread(
                engine.draw, engine.Model(**plan.about["model"]), plan.about["task"], plan.payload, files=files,
                on_progress=ctx.progress, stopped=stopped,
            )  # fmt: skip
        finally:
            # A thread cannot be ended from outside: it is told, and stops after its step.
            stopped.set()
        if drawn.is_unfit:
            return Refused("output", ("nsfw",), "the pipeline's own check")
        return Done((Artifact("image/png", drawn.png, meta={"seed": plan.payload["seed"]}),))

    async def reconcile(self, ctx: Ctx, token: str) -> Outcome | None:
        return None

    async def probe(self, ctx: Ctx) -> Health:
        return Health(ok=True)


def _size(revision: Revision, request: CanonicalRequest) -> tuple[Mapping[str, int], tuple[Note, ...]]:
    """The size of a new picture. One that starts from another keeps that one's, so none may be asked for."""
    if request.task == "image":
        size = asked.size(revision, request.params)
        return {"width": size.width, "height": size.height}, size.notes
    if {"width", "height", "aspect_ratio"} & set(revision.spec["input"]["properties"]):
        raise InvalidParams("what is made of a picture has that picture's size", field="width")
    return {}, ()


def _files(request: CanonicalRequest) -> tuple[FilePart, ...]:
    given: list[Any] = list(request.inputs)
    if request.task == "image" and given:
        raise InvalidParams("this model starts from words alone", field="image")
    if request.task == "image_edit" and [item.role for item in given] != ["input"]:
        raise InvalidParams("it needs one picture, and takes no mask", field="image")
    return tuple(FilePart("image", item) for item in given)
