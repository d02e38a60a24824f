"""Anthropic's answers in our terms, whole or streamed."""

from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any

import orjson

from providers.contracts import Artifact, Delta, Done, Refused, Spent
from providers.errors import BadOutput, UnknownOutcome

# What goes in is billed by whether it was seen before; an expression may tell them apart.
_UNITS = {
    "tokens_in": "input_tokens", "tokens_out": "output_tokens", "tokens_cached": "cache_read_input_tokens",
    "tokens_kept": "cache_creation_input_tokens",
}  # fmt: skip


def text(message: Mapping[str, Any]) -> Done | Refused:
    """A message of the model. What it thought to itself is none of its text."""
    spent = Spent(units=_units(message.get("usage") or {}), served_model=str(message.get("model", "")))
    if message.get("stop_reason") == "refusal":
        category = (message.get("stop_details") or {}).get("category")
        return Refused("output", (str(category or "refusal"),), "the model refused", spent)
    blocks = [block for block in message.get("content") or () if isinstance(block, dict)]
    content = "".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")
    if not content:
        raise BadOutput("An answer without a text.")
    meta = {"finish": message.get("stop_reason")}
    return Done((Artifact("text/plain", content.encode(), meta=meta),), spent)


async def pieces(lines: AsyncIterator[bytes]) -> AsyncIterator[Delta | Done | Refused]:
    """Each piece of text as it comes, and last the whole. Raises UnknownOutcome for a stream that breaks off."""
    whole = _Whole()
    async for line in lines:
        if line.startswith(b"data:") and (piece := whole.take(line[5:].strip())):
            yield Delta(piece)
    yield whole.end()


class _Whole:
    """What a stream has said so far."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._message: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._ended = False

    def take(self, data: bytes) -> str:
        """The text of an event, which may be none. Raises UnknownOutcome for an error in the middle.

        Kinds of events that nobody knows are passed over: there will be more of them.
        """
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError as exc:
            raise UnknownOutcome("a stream that is no JSON") from exc
        match event.get("type"):
            case "error":
                raise UnknownOutcome("an error within a stream", provider_code=_kind(event))
            case "message_start":
                self._message = dict(event.get("message") or {})
                self._usage |= self._message.get("usage") or {}
            case "content_block_delta" if (event.get("delta") or {}).get("type") == "text_delta":
                self._pieces.append(str(event["delta"].get("text", "")))
                return self._pieces[-1]
            case "message_delta":
                self._message |= event.get("delta") or {}
                self._usage |= {name: count for name, count in (event.get("usage") or {}).items() if count is not None}
            case "message_stop":
                self._ended = True
        return ""

    def end(self) -> Done | Refused:
        """The whole. Raises UnknownOutcome for a stream that never says that it is over."""
        if not self._ended:
            raise UnknownOutcome("a stream that was cut")
        content = [{"type": "text", "text": "".join(self._pieces)}]
        return text({**self._message, "content": content, "usage": self._usage})


def _kind(event: Mapping[str, Any]) -> str | None:
    return str((event.get("error") or {}).get("type") or "") or None


def _units(usage: Mapping[str, Any]) -> dict[str, Decimal]:
    if not isinstance(usage.get("output_tokens"), int):
        return {}
    return {ours: Decimal(usage.get(theirs) or 0) for ours, theirs in _UNITS.items()}
