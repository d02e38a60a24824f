"""Records what boto3 sends for our samples: `python -m tests.providers.oracles.bedrock`. Run by hand."""

import json

import boto3

from tests.providers.oracles.recording import recorded, written
from tests.providers.servers import serving
from tests.providers.servers.bedrock import BedrockServer

_SAMPLES = {
    "bedrock-stable-image-core-generate": ("stability.stable-image-core-v1:1", {
        "prompt": "a fox", "mode": "text-to-image", "aspect_ratio": "1:1", "output_format": "png", "seed": 7,
        "negative_prompt": "rain",
    }),
    "bedrock-nova-2-lite-generate": ("global.amazon.nova-2-lite-v1:0", {
        "messages": [{"role": "user", "content": [{"text": "Who sleeps?"}]}], "system": [{"text": "Be short."}],
        "inferenceConfig": {"maxTokens": 50, "temperature": 0.5},
    }),
}  # fmt: skip


def main():
    found = {}
    with serving(BedrockServer()) as server:
        access, secret, session = server.secret.split(":", 2)
        client = boto3.client(
            "bedrock-runtime", region_name="us-west-2", endpoint_url=server.url, aws_access_key_id=access,
            aws_secret_access_key=secret, aws_session_token=session,
        )  # fmt: skip
        for name, (model, body) in _SAMPLES.items():
            server.reset()
            # What it signs must be what the server takes for signed.
            client.invoke_model(modelId=model, body=json.dumps(body), contentType="application/json",
                                accept="application/json")  # fmt: skip
            found[name] = recorded(server.billed[0], "authorization", "x-amz-date", "x-amz-security-token",
                                   "content-type", "accept")  # fmt: skip
    written("bedrock", found, client="boto3")


if __name__ == "__main__":
    main()
