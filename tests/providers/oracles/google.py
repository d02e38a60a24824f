"""Records what the official client sends for our samples: `python -m tests.providers.oracles.google`.

Run by hand, where google-genai and aiohttp are installed; the recording is what the contract's point 30 compares with.
"""

import base64

from google import genai
from google.genai import types

from tests.providers.oracles.recording import recorded, written
from tests.providers.servers import png, serving
from tests.providers.servers.google import GoogleServer


def main():
    found = {}
    with serving(GoogleServer()) as server:
        client = genai.Client(api_key=server.secret, http_options=types.HttpOptions(base_url=server.url))

        def note(name, act):
            server.reset()
            act()
            found[name] = recorded(server.billed[0], "x-goog-api-key", "content-type")

        shape = types.ImageConfig(aspect_ratio="1:1", image_size="1K")
        config = types.GenerateContentConfig(response_modalities=["IMAGE"], image_config=shape)
        source = types.Part.from_bytes(data=png(), mime_type="image/png")
        for model, name, contents in (
            ("gemini-nano-banana-2.1", "generate", ["a fox"]),
            ("gemini-nano-banana-2.1", "edit", ["a fox", source]),
            ("gemini-3-pro-image", "generate", ["a fox"]),
        ):
            note(f"{model}-{name}", lambda model=model, contents=contents: client.models.generate_content(
                model=model, contents=contents, config=config))  # fmt: skip
        film = {"type": "video", "aspect_ratio": "16:9", "resolution": "720p", "duration": "8s", "delivery": "uri"}
        sound = {"type": "audio", "mime_type": "audio/mp3", "delivery": "inline"}
        picture = {"type": "image", "data": base64.b64encode(png()).decode(), "mime_type": "image/png"}
        step = {"type": "user_input", "content": [{"type": "text", "text": "it runs"}, picture]}
        for name, body in {
            "gemini-omni-1.2-flash-generate": {"input": "a fox runs", "response_format": film},
            "gemini-omni-1.2-flash-from_picture": {
                "input": [step], "response_format": film,
                "generation_config": {"video_config": {"task": "image_to_video"}},
            },
            "lyria-3.5-generate": {"input": "a waltz", "response_format": sound},
            "gemini-3.8-flash-tts-generate": {
                "input": "Good day.", "response_format": sound,
                "generation_config": {"speech_config": [{"voice": "Kore", "language": "en-GB"}]},
            },
        }.items():  # fmt: skip
            hook = {"uris": ["https://example.org/hook"], "user_metadata": {"attempt": "1"}}
            note(name, lambda name=name, body=body, hook=hook: client.interactions.create(
                model=name.rpartition("-")[0], background=True, store=True, webhook_config=hook, **body))  # fmt: skip
    written("google", found, client="google-genai")


if __name__ == "__main__":
    main()
