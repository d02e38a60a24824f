"""What the official client sends. By hand, in an environment of its own with `elevenlabs` and `aiohttp`, from the
repository's root: `python -m tests.providers.oracles.elevenlabs`. Writes conformance/wires/elevenlabs.json."""

import importlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any

from tests.providers.servers import ProtocolServer, serving
from tests.providers.servers.elevenlabs import ElevenLabsServer

_WIRES = Path(__file__).parent.parent / "conformance" / "wires" / "elevenlabs.json"
_CHUNK = {"text": "[Verse]\nSnow", "duration_ms": 30_000, "positive_styles": ["folk"], "negative_styles": ["drums"]}


def main() -> None:
    sdk = importlib.import_module("elevenlabs")
    found: dict[str, Any] = {"_recorded": f"elevenlabs {importlib.metadata.version('elevenlabs')}"}
    with serving(ElevenLabsServer()) as server:
        client = sdk.ElevenLabs(api_key=server.secret, base_url=server.url)
        speech = {"text": "The fox sleeps.", "voice_id": "JBFqnCBsd6RMkjVDRZzb", "output_format": "mp3_44100_128"}
        plan = sdk.types.CompositionPlan(chunks=[sdk.types.GenerationChunkInput(**_CHUNK)])
        calls = {
            "eleven-music-2.5-generate": lambda: client.music.compose(
                prompt="a slow waltz", music_length_ms=60_000, model_id="music_v2_5", force_instrumental=True),
            "eleven-song-2.5-generate": lambda: client.music.compose(
                composition_plan=plan, model_id="music_v2_5", seed=7),
            "eleven-v4-generate": lambda: client.text_to_speech.convert(
                **speech, model_id="eleven_v4", seed=7, language_code="en", voice_settings={"speed": 1.1}),
            "eleven-flash-v2.5-generate": lambda: client.text_to_speech.convert(**speech, model_id="eleven_flash_v2_5"),
            "eleven-sound-v3-generate": lambda: client.text_to_sound_effects.convert(
                text="a creaking gate", model_id="eleven_text_to_sound_v3", duration_seconds=2.5, loop=True),
        }  # fmt: skip
        for name, call in calls.items():
            found[name] = _recorded(server, call)
    _WIRES.parent.mkdir(exist_ok=True)
    _WIRES.write_text(json.dumps(found, indent=1) + "\n")


def _recorded(server: ProtocolServer, call: Any) -> dict[str, Any]:
    server.reset()
    assert b"".join(call()), "the client did not take the answer for a sound"
    sent = server.billed[0]
    common = {"content-type", "xi-api-key"}
    return {
        "method": sent.method, "path": sent.path, "body": sorted(sent.body),
        "required_headers": sorted(common & {name.lower() for name in sent.headers}),
    }  # fmt: skip


if __name__ == "__main__":
    main()
