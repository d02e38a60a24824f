"""Records the wires of OpenAI's client: see tests.providers.oracles.recording."""

from openai import OpenAI

from tests.providers.oracles.recording import record
from tests.providers.servers import png
from tests.providers.servers.openai import OpenAIServer

_IMAGE = {"prompt": "a fox", "n": 1, "quality": "low", "output_format": "png"}
_FILE = ("file.png", png(), "image/png")


def _client(url: str) -> OpenAI:
    return OpenAI(api_key=OpenAIServer.secret, base_url=f"{url}/v1", max_retries=0)


def _generate(model: str, size: str = "1024x1024", **more: str):
    return lambda url: _client(url).images.generate(model=model, size=size, **{**_IMAGE, **more})


def _edit(url: str):
    return _client(url).images.edit(
        model="gpt-image-2.5-flare-2026-09-08", size="1024x1024", image=[_FILE], mask=_FILE, **_IMAGE
    )


def _text(url: str):
    return _client(url).chat.completions.create(
        model="gpt-6-luna", messages=[{"role": "user", "content": "What does the fox do?"}], max_completion_tokens=200
    )


def _speech(url: str):
    return _client(url).audio.speech.create(
        model="gpt-4o-mini-tts-2025-12-15", voice="marin", input="The fox sleeps.", speed=1.25,
        instructions="Whisper.", response_format="mp3",
    )  # fmt: skip


def _moderation(url: str):
    return _client(url).moderations.create(
        model="omni-moderation-2024-09-26", input=[{"type": "text", "text": "a fox"}]
    )


if __name__ == "__main__":
    record(
        "openai", OpenAIServer(),
        {
            "gpt-image-2.5-flare-generate": _generate("gpt-image-2.5-flare-2026-09-08"),
            "gpt-image-2.5-flare-edit": _edit,
            "gpt-image-2.6-flare-generate": _generate("gpt-image-2.6-flare", background="transparent"),
            "gpt-image-2.6-sunburst-generate": _generate("gpt-image-2.6-sunburst", "1536x864", quality="max"),
            "gpt-6-luna-generate": _text,
            "gpt-4o-mini-tts-generate": _speech,
            "omni-moderation-generate": _moderation,
        },
        package="openai",
    )  # fmt: skip
