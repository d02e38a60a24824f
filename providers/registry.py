"""Which adapter serves which kind. The built-in ones, and those that the operator's settings add."""

from functools import lru_cache

from django.conf import settings
from django.utils.module_loading import import_string

from providers.adapters.base import Adapter
from providers.errors import UnknownAdapter

_BUILT_IN = {
    "anthropic": "providers.adapters.anthropic.adapter.AnthropicAdapter",
    "bedrock": "providers.adapters.bedrock.adapter.BedrockAdapter",
    "bfl": "providers.adapters.bfl.adapter.BFLAdapter",
    "comfyui": "providers.adapters.comfyui.adapter.ComfyUIAdapter",
    "diffusers": "providers.adapters.diffusers.adapter.DiffusersAdapter",
    "elevenlabs": "providers.adapters.elevenlabs.adapter.ElevenLabsAdapter",
    "fal": "providers.adapters.fal.adapter.FalAdapter",
    "google": "providers.adapters.google.adapter.GoogleAdapter",
    "huggingface": "providers.adapters.huggingface.adapter.HuggingFaceAdapter",
    "luma": "providers.adapters.luma.adapter.LumaAdapter",
    "openai": "providers.adapters.openai.adapter.OpenAIAdapter",
    "openai_compatible": "providers.adapters.openai_compatible.adapter.OpenAICompatibleAdapter",
    "replicate": "providers.adapters.replicate.adapter.ReplicateAdapter",
    "runway": "providers.adapters.runway.adapter.RunwayAdapter",
    "sketch": "providers.adapters.sketch.adapter.SketchAdapter",
    "stability": "providers.adapters.stability.adapter.StabilityAdapter",
    "vertex": "providers.adapters.vertex.adapter.VertexAdapter",
    # "bedrock": "providers.adapters.bedrock.adapter.BedrockAdapter",
    # "vertex": "providers.adapters.vertex.adapter.VertexAdapter",
}


@lru_cache(maxsize=1)
def _paths() -> dict[str, str]:
    extra = dict(item.split("=", 1) for item in settings.PROVIDERS_EXTRA_ADAPTERS)
    return {**_BUILT_IN, **{kind: path.replace(":", ".") for kind, path in extra.items()}}


@lru_cache(maxsize=64)
def adapter(kind: str) -> Adapter:
    """The adapter of a kind; adapters hold no state of a call, so one serves all. Raises UnknownAdapter."""
    try:
        instance: Adapter = import_string(_paths()[kind])()
    except (KeyError, ImportError) as exc:
        raise UnknownAdapter(kind) from exc
    return instance


def kinds() -> tuple[str, ...]:
    """Every kind that a catalogue file may name."""
    return tuple(_paths())
