"""Loading a pipeline from a folder, and drawing with it. Blocks: for a thread of a media worker.

torch and diffusers are imported when the first picture is made: that takes ten seconds and 400 MB, and every process of
the platform imports the adapter.
"""

import importlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from providers.adapters.diffusers.folder import content_hash
from providers.errors import InvalidParams, ModelGone, Overloaded, ProviderFailed

_MOST_LOADED = 2


@dataclass(frozen=True, slots=True)
class Model:
    """A pipeline on a device. `folder` must have the content that `sha256` pins."""

    folder: str
    sha256: str
    device: str = "cpu"
    dtype: str = "float32"
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Drawn:
    """A PNG, unless the pipeline's own check found it unfit to be shown."""

    png: bytes
    is_unfit: bool


# A pipeline keeps the state of its run: one picture at a time.
_one_at_a_time = threading.Lock()
_loaded: OrderedDict[tuple[Model, str], Any] = OrderedDict()


def draw(
    model: Model,
    task: str,
    settings: Mapping[str, Any],
    *,
    files: Mapping[str, bytes],
    on_progress: Callable[[float], None],
    stopped: threading.Event,
) -> Drawn:
    """A picture by these settings. Raises InvalidParams, ModelGone, Overloaded or ProviderFailed."""
    with _one_at_a_time:
        if stopped.is_set():
            raise ProviderFailed("nobody waits for it any more")
        pipeline = _pipeline(model, task)
        call = {**settings, **{name: _opened(content) for name, content in files.items()}}
        call["generator"] = _torch().Generator("cpu").manual_seed(call.pop("seed"))
        steps = int(call.get("num_inference_steps") or 50)

        def after_step(running: Any, number: int, _moment: Any, state: Any) -> Any:
            on_progress(min(1.0, (number + 1) / steps))
            running._interrupt = stopped.is_set()
            return state

        if hasattr(pipeline, "_callback_tensor_inputs"):
            call["callback_on_step_end"] = after_step
        return _drawn(_run(pipeline, call))


def _run(pipeline: Any, call: Mapping[str, Any]) -> Any:
    try:
        return pipeline(**call)
    except (_torch().OutOfMemoryError, MemoryError) as exc:
        raise Overloaded("out of memory") from exc
    except (TypeError, ValueError) as exc:
        # Its sentence may repeat a prompt.
        raise InvalidParams("this pipeline does not take these settings") from exc
    except RuntimeError as exc:
        raise ProviderFailed(type(exc).__name__) from exc


def _drawn(result: Any) -> Drawn:
    file = BytesIO()
    result.images[0].save(file, "PNG")
    return Drawn(file.getvalue(), is_unfit=bool((getattr(result, "nsfw_content_detected", None) or [False])[0]))


def _opened(content: bytes) -> Image.Image:
    """A picture of the size that it has, rounded down to what pipelines can halve three times."""
    picture = Image.open(BytesIO(content)).convert("RGB")
    return picture.resize((max(8, picture.width // 8 * 8), max(8, picture.height // 8 * 8)))


def _pipeline(model: Model, task: str) -> Any:
    key = (model, task)
    if key not in _loaded:
        made = _load(model) if task == "image" else _as_image_to_image(_pipeline(model, "image"))
        while len(_loaded) >= _MOST_LOADED:
            _loaded.popitem(last=False)
        _loaded[key] = made
    _loaded.move_to_end(key)
    return _loaded[key]


def _load(model: Model) -> Any:
    try:
        if content_hash(Path(model.folder)) != model.sha256:
            raise ModelGone("the folder's content is not what the catalogue pins")
        torch = _torch()
        torch.set_num_threads(model.threads)
        found = _diffusers().DiffusionPipeline.from_pretrained(
            model.folder, torch_dtype=getattr(torch, model.dtype), local_files_only=True, use_safetensors=True,
            trust_remote_code=False,
        )  # fmt: skip
    except (OSError, ValueError) as exc:
        raise ModelGone(f"the folder holds no pipeline: {type(exc).__name__}") from exc
    found.set_progress_bar_config(disable=True)
    return found.to(model.device)


def _as_image_to_image(pipeline: Any) -> Any:
    try:
        made = _diffusers().AutoPipelineForImage2Image.from_pipe(pipeline)
    except ValueError as exc:
        raise InvalidParams("this pipeline does not start from a picture", field="image") from exc
    made.set_progress_bar_config(disable=True)
    return made


def _torch() -> Any:
    return importlib.import_module("torch")


def _diffusers() -> Any:
    # A folder that names something else is an error here, never a download.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    return importlib.import_module("diffusers")
