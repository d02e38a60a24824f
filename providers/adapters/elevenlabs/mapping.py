"""Our terms in ElevenLabs' words: /v1 as of November 2026."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from providers import params as asked
from providers.contracts import CanonicalRequest, Revision, WirePlan
from providers.errors import InvalidParams

_MEDIA_TYPES = {"mp3": "audio/mpeg", "opus": "audio/ogg", "wav": "audio/wav", "pcm": "audio/pcm"}
_FORMATS = {"mp3": "mp3_44100_128", "opus": "opus_48000_128", "wav": "wav_44100", "pcm": "pcm_44100"}

_SECTION = re.compile(r"^\[([^\[\]]{1,100})\]$")
_LEAST_CHUNK_MS, _MOST_CHUNK_MS = 3_000, 120_000
_MOST_LINES, _MOST_LINE_CHARACTERS = 30, 200


def plan(revision: Revision, request: CanonicalRequest) -> WirePlan:
    """The request of a task. Raises InvalidParams."""
    make = _TASKS.get(request.task)
    if make is None:
        raise InvalidParams(f"This provider does not do {request.task}.", field="task")
    return make(revision, request.params)


def _speech(revision: Revision, given: Mapping[str, Any]) -> WirePlan:
    settings = {"voice_settings": {"speed": given["speed"]}} if given.get("speed") is not None else {}
    payload = {
        "text": given["text"], "model_id": revision.spec["upstream"]["model"], **settings,
        **_chosen(given, {"language": "language_code", "seed": "seed"}),
    }  # fmt: skip
    voice = str(given.get("voice") or revision.spec["upstream"]["voice"])
    return _sounding(revision, given, f"/v1/text-to-speech/{quote(voice, safe='')}", payload)


def _music(revision: Revision, given: Mapping[str, Any]) -> WirePlan:
    asked.refuse(given, ("seed",), why="a seed goes with lyrics alone: this provider takes none beside a prompt")
    asked.refuse(given, ("lyrics", "negative_prompt"), why="this is for songs")
    payload = {
        "prompt": given["prompt"], "music_length_ms": _ms(given["duration_s"]),
        "model_id": revision.spec["upstream"]["model"],
        **({"force_instrumental": given["instrumental"]} if given.get("instrumental") is not None else {}),
    }  # fmt: skip
    return _sounding(revision, given, "/v1/music", payload)


def _song(revision: Revision, given: Mapping[str, Any]) -> WirePlan:
    payload = {
        "composition_plan": {"chunks": _chunks(given)}, "model_id": revision.spec["upstream"]["model"],
        **_chosen(given, {"seed": "seed"}),
    }  # fmt: skip
    return _sounding(revision, given, "/v1/music", payload)


def _sound_effect(revision: Revision, given: Mapping[str, Any]) -> WirePlan:
    asked.refuse(given, ("seed", "negative_prompt", "lyrics"), why="this model does not take it")
    payload = {
        "text": given["prompt"], "model_id": revision.spec["upstream"]["model"],
        **_chosen(given, {"duration_s": "duration_seconds", "loop": "loop"}),
    }  # fmt: skip
    return _sounding(revision, given, "/v1/sound-generation", payload)


def _sounding(revision: Revision, given: Mapping[str, Any], path: str, payload: Mapping[str, Any]) -> WirePlan:
    form = str(given.get("format") or "mp3")
    # Which rates a model has, and an account may have, differs: the catalogue can name others.
    formats = {**_FORMATS, **revision.spec["upstream"].get("formats", {})}
    return WirePlan(payload, path, query={"output_format": formats[form]}, about={"media_type": _MEDIA_TYPES[form]})


def _chunks(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The song's parts, as long as their lines are many. `[Verse]` on a line of its own begins one."""
    parts = _parts(str(given["lyrics"]))
    total_ms = _ms(given["duration_s"])
    if not len(parts) * _LEAST_CHUNK_MS <= total_ms <= len(parts) * _MOST_CHUNK_MS:
        least, most = len(parts) * _LEAST_CHUNK_MS // 1000, len(parts) * _MOST_CHUNK_MS // 1000
        raise InvalidParams(f"a song of {len(parts)} parts is {least} to {most} seconds long", field="duration_s")
    unwanted = [given["negative_prompt"]] if given.get("negative_prompt") else []
    return [
        {"text": text, "duration_ms": length, "positive_styles": [given["prompt"]], "negative_styles": unwanted}
        for text, length in zip(
            ("\n".join(part) for part in parts), _shared(total_ms, [len(part) for part in parts]), strict=True
        )
    ]


def _parts(lyrics: str) -> list[list[str]]:
    """The lines of each part, with its name in front. Empty lines are for the eye alone. Raises InvalidParams."""
    parts: list[list[str]] = []
    for line in filter(None, (line.strip() for line in lyrics.splitlines())):
        if len(line) > _MOST_LINE_CHARACTERS:
            raise InvalidParams(f"a line has at most {_MOST_LINE_CHARACTERS} characters", field="lyrics")
        if not parts or _SECTION.match(line):
            parts.append([])
        parts[-1].append(line)
    if not parts:
        raise InvalidParams("a song needs words", field="lyrics")
    if any(len(part) > _MOST_LINES for part in parts):
        raise InvalidParams(
            f"a part has at most {_MOST_LINES} lines: begin another with its [Name] on a line", field="lyrics"
        )
    return parts


def _shared(total_ms: int, weights: list[int]) -> list[int]:
    """A length for each part, by its weight, within what a part may be; together they are exactly the total."""
    lengths = [_LEAST_CHUNK_MS] * len(weights)
    left = total_ms - sum(lengths)
    growing = set(range(len(weights)))
    while left and growing:
        heavy = sum(weights[number] for number in growing)
        given = 0
        for number in sorted(growing):
            more = min(max(1, left * weights[number] // heavy), _MOST_CHUNK_MS - lengths[number], left - given)
            lengths[number] += more
            given += more
        left -= given
        growing = {number for number in growing if lengths[number] < _MOST_CHUNK_MS}
    return lengths


def _ms(seconds: Any) -> int:
    return int(Decimal(str(seconds)) * 1000)


def _chosen(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """What was chosen of these, under the provider's names."""
    return {theirs: given[ours] for ours, theirs in names.items() if given.get(ours) is not None}


_TASKS: Mapping[str, Callable[[Revision, Mapping[str, Any]], WirePlan]] = {
    "speech": _speech, "music": _music, "song": _song, "sound_effect": _sound_effect,
}  # fmt: skip
