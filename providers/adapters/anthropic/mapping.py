"""Our terms in the words of Anthropic's Messages: /v1/messages as of version 2026-10-21."""

from collections.abc import Mapping, Sequence
from typing import Any

from providers.contracts import CanonicalRequest, Revision, WirePlan
from providers.errors import InvalidParams


def plan(revision: Revision, request: CanonicalRequest) -> WirePlan:
    """The request of a text. Raises InvalidParams."""
    if request.task != "text":
        raise InvalidParams(f"This provider does not do {request.task}.", field="task")
    given, spec = request.params, revision.spec
    system, messages = _parted(given["messages"])
    payload: dict[str, Any] = {
        "model": spec["upstream"]["model"], "messages": messages,
        # The wire asks for a length. What the model thinks to itself counts too.
        "max_tokens": given.get("max_tokens") or spec["capabilities"]["usual_tokens"],
    }  # fmt: skip
    if system:
        payload["system"] = system
    if given.get("temperature") is not None:
        payload["temperature"] = given["temperature"]
    if request.end_user:
        payload["metadata"] = {"user_id": request.end_user}
    patience = float(spec.get("latency", {}).get("submit_s", 240.0))
    return WirePlan(payload, "/v1/messages", about={"read_seconds": patience})


def _parted(messages: Sequence[Mapping[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """What the site says to the model beforehand, and the talk. Raises InvalidParams for one that the wire has not."""
    begins = next((place for place, message in enumerate(messages) if message["role"] != "system"), len(messages))
    talk = [{"role": message["role"], "content": message["content"]} for message in messages[begins:]]
    if not talk or talk[-1]["role"] != "user":
        raise InvalidParams("the last message must be the user's", field="messages")
    if any(message["role"] == "system" for message in talk):
        raise InvalidParams("system messages come before the others", field="messages")
    return "\n\n".join(str(message["content"]) for message in messages[:begins]), talk
