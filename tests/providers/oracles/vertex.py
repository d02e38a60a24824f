"""Records what the official client sends to Vertex for our samples: `python -m tests.providers.oracles.vertex`.

Run by hand, where google-genai, aiohttp and cryptography are installed.
"""

from google import genai
from google.auth.credentials import Credentials
from google.genai import types

from tests.providers.oracles.recording import recorded, written
from tests.providers.servers import png, serving
from tests.providers.servers.vertex import VertexServer

TOKEN = "ya29.recorded"


class Given(Credentials):
    """A token that is there already."""

    def __init__(self) -> None:
        super().__init__()
        self.token = TOKEN

    def refresh(self, request):
        """It is good for as long as this runs."""


def main():
    found = {}
    with serving(VertexServer()) as server:
        server.tokens.append(TOKEN)
        client = genai.Client(vertexai=True, project="wild-project", location="us-central1", credentials=Given(),
                              http_options=types.HttpOptions(base_url=server.url))  # fmt: skip

        def note(name, act):
            server.reset()
            act()
            found[name] = recorded(server.billed[0], "authorization", "content-type")

        still = types.Image(image_bytes=png(), mime_type="image/png")
        asset = types.VideoGenerationReferenceImage(image=still, reference_type="asset")
        lite, best = "veo-3.1-lite-generate-001", "veo-3.1-generate-001"
        full = types.GenerateVideosConfig(
            number_of_videos=1, duration_seconds=8, aspect_ratio="16:9", seed=7, resolution="1080p",
            negative_prompt="rain", generate_audio=True,
        )  # fmt: skip
        framed = types.GenerateVideosConfig(number_of_videos=1, duration_seconds=4, last_frame=still)
        shown = types.GenerateVideosConfig(number_of_videos=1, duration_seconds=8, reference_images=[asset])
        for name, model, source, config in (
            ("vertex-veo-3.1-lite-generate", lite, types.GenerateVideosSource(prompt="a fox runs"), full),
            ("vertex-veo-3.1-from_frames", best, types.GenerateVideosSource(prompt="a fox", image=still), framed),
            ("vertex-veo-3.1-from_references", best, types.GenerateVideosSource(prompt="a fox"), shown),
        ):
            note(name, lambda model=model, source=source, config=config: client.models.generate_videos(
                model=model, source=source, config=config))  # fmt: skip
        everywhere = genai.Client(vertexai=True, project="wild-project", location="global", credentials=Given(),
                                  http_options=types.HttpOptions(base_url=server.url))  # fmt: skip
        shape = types.ImageConfig(aspect_ratio="16:9", image_size="1K")
        config = types.GenerateContentConfig(response_modalities=["IMAGE"], image_config=shape)
        note("vertex-nano-banana-2.1-generate", lambda: everywhere.models.generate_content(
            model="gemini-nano-banana-2.1", contents=["a fox"], config=config))  # fmt: skip
    written("vertex", found, client="google-genai")


if __name__ == "__main__":
    main()
