"""Chat completions that come as server-sent events: the pieces, and what they come to."""

from collections.abc import AsyncIterator
from typing import Any

import orjson

from providers.adapters.openai import reading
from providers.contracts import Delta, Done, Refused
from providers.errors import UnknownOutcome


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
        self._finish: str | None = None
        self._ended = False
        self._refused = False
        self._usage: Any = None
        self._model = ""

    def take(self, data: bytes) -> str:
        """The text of an event, which may be none. Raises UnknownOutcome for an error in the middle."""
        if data == b"[DONE]":
            self._ended = True
            return ""
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError as exc:
            raise UnknownOutcome("a stream that is no JSON") from exc
        if not isinstance(event, dict) or event.get("error"):
            raise UnknownOutcome("an error within a stream")
        self._model = event.get("model") or self._model
        self._usage = event.get("usage") or self._usage
        choice = next(iter(event.get("choices") or ()), None) or {}
        self._finish = choice.get("finish_reason") or self._finish
        delta = choice.get("delta") or {}
        self._refused = self._refused or bool(delta.get("refusal"))
        piece = str(delta.get("content") or "")
        self._pieces.append(piece)
        return piece

    def end(self) -> Done | Refused:
        """The whole. A stream that never says that it is over was cut. Raises UnknownOutcome.

        It says so by a reason to finish or by its last line: some servers leave out the one or the other.
        """
        if self._finish is None and not self._ended:
            raise UnknownOutcome("a stream that was cut")
        message = {"content": "".join(self._pieces), "refusal": self._refused}
        choice = {"message": message, "finish_reason": self._finish}
        return reading.text({"choices": [choice], "usage": self._usage, "model": self._model})
