"""Records the wires of Anthropic's client: see tests.providers.oracles.recording."""

from anthropic import Anthropic

from tests.providers.oracles.recording import record
from tests.providers.servers.anthropic import AnthropicServer

_TALK = [{"role": "user", "content": "What does the fox do?"}]


def _message(model: str, **more: str):
    def call(url: str):
        client = Anthropic(api_key=AnthropicServer.secret, base_url=url, max_retries=0)
        return client.messages.create(model=model, max_tokens=200, messages=_TALK, **more)

    return call


if __name__ == "__main__":
    record(
        "anthropic", AnthropicServer(),
        {
            "claude-haiku-5-5-generate": _message("claude-haiku-5-5", system="Be brief."),
            "claude-sonnet-5-5-generate": _message("claude-sonnet-5-5"),
            "claude-opus-5-5-generate": _message("claude-opus-5-5", system="Be brief."),
        },
        package="anthropic", headers=("authorization", "anthropic-version"),
    )  # fmt: skip
