"""Our terms in Gemini's words, as of November 2026: generateContent for pictures, interactions for all that takes time.

Paths are without the API's version, which the connection says.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from providers import params as asked
from providers.adapters.inline import slot
from providers.contracts import CanonicalRequest, FilePart, Media, Note, Revision, WirePlan
from providers.errors import InvalidParams

INTERACTIONS = "/interactions"

# What a shape is in pixels at 1K; 2K and 4K are twice and four times that.
_SHAPES: Mapping[str, tuple[int, int]] = {
    "1:1": (1024, 1024), "5:4": (1152, 928), "4:3": (1200, 896), "3:2": (1264, 848), "16:9": (1376, 768),
    "21:9": (1584, 672), "4:5": (928, 1152), "3:4": (896, 1200), "2:3": (848, 1264), "9:16": (768, 1376),
}  # fmt: skip
_TIERS: Mapping[str, int] = {"1K": 1, "2K": 2, "4K": 4}
# So much may be missing on a side before the next larger tier, which costs more, is the right one.
_SHORT = 1.03
_AUDIO_TYPES = {"mp3": "audio/mp3", "wav": "audio/wav", "opus": "audio/ogg_opus"}
_VIDEO_ROLES = {"first_frame": "image_to_video", "input": "image_to_video", "reference": "reference_to_video"}


def plan(revision: Revision, request: CanonicalRequest) -> WirePlan:
    """The request of a task. Raises InvalidParams."""
    make = _TASKS.get(request.task)
    if make is None:
        raise InvalidParams(f"This provider does not do {request.task}.", field="task")
    return make(revision, request)


def picture(revision: Revision, request: CanonicalRequest) -> WirePlan:
    """generateContent: the same for Gemini's API and for Vertex."""
    given = request.params
    refuse(given, ("seed", "negative_prompt", "quality", "background", "format", "style", "strength"))
    shape, tier, notes = _frame(revision, given)
    files, shown = _shown(request.inputs, most=_most(revision), allowed={"input", "reference"})
    if request.task == "image_edit" and not files:
        raise InvalidParams("An edit needs a picture.", field="image")
    parts: list[Any] = [{"text": given["prompt"]}]
    parts += [{"inlineData": {"mimeType": media_type, "data": place}} for media_type, place in shown]
    payload = {
        "contents": [{"role": "user", "parts": parts}],
        "generationConfig": {
            "responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": shape, "imageSize": tier},
        },
    }  # fmt: skip
    path = f"/models/{revision.spec['upstream']['model']}:generateContent"
    return WirePlan(payload, path, files=files, notes=notes, about={"task": "image"})


def _video(revision: Revision, request: CanonicalRequest) -> WirePlan:
    given, able = request.params, revision.spec["capabilities"]
    refuse(given, ("seed", "negative_prompt", "style"))
    if given.get("audio") is False:
        raise InvalidParams("this model always makes sound", field="audio")
    seconds, notes = asked.rounded_up(given.get("duration_s", 8), able["durations"], field="duration_s")
    wanted = {"aspect_ratio": given.get("aspect_ratio"), "resolution": given.get("resolution")}
    form = {
        "type": "video", "delivery": "uri", "duration": f"{seconds}s",
        **{name: value for name, value in wanted.items() if value not in (None, "auto")},
    }  # fmt: skip
    files, shown = _shown(request.inputs, most=_most(revision), allowed=set(_VIDEO_ROLES))
    tasks = {_VIDEO_ROLES[item.role] for item in request.inputs}
    if len(tasks) > 1:
        raise InvalidParams("a first frame and references do not go together", field="references")
    more = {"generation_config": {"video_config": {"task": tasks.pop()}}} if tasks else {}
    return _interaction(revision, given["prompt"], form, files=files, shown=shown, notes=notes, more=more)


def _music(revision: Revision, request: CanonicalRequest) -> WirePlan:
    """Length, voices and words have no fields of their own: they are said in the prompt, and noted."""
    given = request.params
    refuse(given, ("seed", "negative_prompt", "duration_s"))
    said, notes = [given["prompt"]], []
    if given.get("instrumental"):
        said.append("Instrumental only, no vocals.")
        notes.append(Note("emulated", "instrumental", asked=True, used="said in the prompt"))
    if given.get("lyrics"):
        if given.get("instrumental"):
            raise InvalidParams("an instrumental has no words", field="lyrics")
        said.append(f"Lyrics:\n{given['lyrics']}")
        notes.append(Note("emulated", "lyrics", asked="as written", used="said in the prompt"))
    files, shown = _shown(request.inputs, most=_most(revision), allowed={"input", "reference"})
    return _interaction(
        revision, "\n\n".join(said), _sound(given), files=files, shown=shown, notes=tuple(notes), more={},
    )  # fmt: skip


def _speech(revision: Revision, request: CanonicalRequest) -> WirePlan:
    given = request.params
    if given.get("speed") not in (None, 1):
        raise InvalidParams("this model takes its pace from the text", field="speed")
    refuse(given, ("instructions",))
    voice = {"voice": given["voice"], **({"language": given["language"]} if given.get("language") else {})}
    more = {"generation_config": {"speech_config": [voice]}}
    return _interaction(revision, given["text"], _sound(given), files=(), shown=(), notes=(), more=more)


def _interaction(
    revision: Revision,
    text: str,
    form: Mapping[str, Any],
    *,
    files: tuple[FilePart, ...],
    shown: Sequence[tuple[str, Any]],
    notes: tuple[Note, ...],
    more: Mapping[str, Any],
) -> WirePlan:
    """Kept by Google until it is fetched, so that an answer that is lost on the way is no result that is lost."""
    content = [{"type": "image", "data": place, "mime_type": media_type} for media_type, place in shown]
    payload = {
        "model": revision.spec["upstream"]["model"],
        "input": [{"type": "user_input", "content": [{"type": "text", "text": text}, *content]}] if shown else text,
        "response_format": dict(form), "background": True, "store": True, **more,
    }  # fmt: skip
    return WirePlan(payload, INTERACTIONS, files=files, notes=notes, about={"task": "interaction"})


def _sound(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "audio", "delivery": "inline", "mime_type": _AUDIO_TYPES[str(given.get("format", "mp3"))]}


def _frame(revision: Revision, given: Mapping[str, Any]) -> tuple[str, str, tuple[Note, ...]]:
    """The shape by name, how large, and what is to be said about it. Raises InvalidParams."""
    size = asked.size(revision, given)
    offered = revision.spec["capabilities"]["sizes"].get("tiers", ["1K"])
    width, height = _SHAPES[size.ratio]
    larger = [
        tier for tier in offered
        if width * _TIERS[tier] * _SHORT >= size.width and height * _TIERS[tier] * _SHORT >= size.height
    ]  # fmt: skip
    if not larger:
        raise InvalidParams(f"at most {offered[-1]}", field="width")
    made = (width * _TIERS[larger[0]], height * _TIERS[larger[0]])
    if size.notes or made == (size.width, size.height):
        return size.ratio, larger[0], size.notes
    note = Note("adjusted", "size", f"{size.width}x{size.height}", f"{made[0]}x{made[1]}")
    return size.ratio, larger[0], (note,)


def _shown(
    inputs: tuple[Media, ...], *, most: int, allowed: set[str]
) -> tuple[tuple[FilePart, ...], list[tuple[str, Any]]]:
    """Pictures that go in, as files and as what stands for them in the payload. Raises InvalidParams."""
    for item in inputs:
        if item.role not in allowed or not item.media_type.startswith("image/"):
            raise InvalidParams(f"this model takes no {item.role.replace('_', ' ')}", field=item.role)
    if len(inputs) > most:
        raise InvalidParams(f"at most {most} pictures", field="references")
    files = tuple(FilePart("data", item) for item in inputs)
    return files, [(item.media_type, slot(number)) for number, item in enumerate(inputs)]


def _most(revision: Revision) -> int:
    return int(revision.spec["capabilities"].get("edits", {}).get("references", 0))


def refuse(given: Mapping[str, Any], names: Sequence[str]) -> None:
    """Raises InvalidParams for what the model does not take. `auto` is not asking for anything."""
    said = {name: given.get(name) for name in names}
    asked.refuse(
        {name: value for name, value in said.items() if value != "auto"}, names, why="this model does not take it"
    )


_TASKS: Mapping[str, Callable[[Revision, CanonicalRequest], WirePlan]] = {
    "image": picture, "image_edit": picture, "video": _video, "music": _music, "speech": _speech,
}  # fmt: skip
