"""Records the wires of Hugging Face's client (which needs Pillow): see tests.providers.oracles.recording.

A model that is given by its address is asked without a look at the hub.
"""

from huggingface_hub import InferenceClient

from tests.providers.oracles.recording import record
from tests.providers.servers.huggingface import HuggingFaceServer


def _picture(model: str, **more: object):
    def call(url: str):
        client = InferenceClient(model=f"{url}/hf-inference/models/{model}", token=HuggingFaceServer.secret)
        return client.text_to_image("a fox", width=768, height=512, seed=7, **more)

    return call


if __name__ == "__main__":
    record(
        "huggingface", HuggingFaceServer(),
        {
            "flux-1-schnell-hf-generate": _picture("black-forest-labs/FLUX.1-schnell", num_inference_steps=4),
            "sdxl-base-hf-generate": _picture("stabilityai/stable-diffusion-xl-base-1.0", negative_prompt="snow",
                                              num_inference_steps=30, guidance_scale=7),
        },
        package="huggingface_hub", headers=("authorization", "accept"),
    )  # fmt: skip
