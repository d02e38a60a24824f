"""Models that a catalogue file describes: what is asked of them arrives in their words, or is refused by name."""

import pytest
from django.utils import timezone

from providers.adapters import declared
from providers.contracts import CanonicalRequest, Revision
from providers.errors import InvalidParams
from tests.providers.conformance.case import picture
from tests.providers.conformance.conftest import run

_TASK = {
    "names": {"prompt": "text", "format": "ext", "duration_s": "length"},
    "values": {"format": {"png": "png", "jpeg": "jpg"}},
    "fixed": {"ext": "png", "safe": True},
    "files": {"input": "pictures[].uri", "mask": "mask"},
}


def _asked(params, inputs=(), **changes):
    spec = {"task": "image", "capabilities": {"durations": [4, 8]}, "upstream": {"tasks": {"image": _TASK | changes}}}
    revision = Revision("0" * 64, "m", "1", "image", "fal", "M", spec)
    return declared.asked(revision, CanonicalRequest("image", params, timezone.now(), inputs))


def test_words_are_the_models_and_what_is_chosen_goes_before_what_is_fixed():
    found = _asked({"prompt": "a fox", "format": "jpeg", "style": "auto", "n": 1})
    assert found.payload == {"text": "a fox", "ext": "jpg", "safe": True}
    assert found.media_type == "image/jpeg"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"prompt": "a fox", "seed": 0}, "seed"),
        ({"prompt": "a fox", "audio": False}, "audio"),
        ({"prompt": "a fox", "width": 64, "height": 64}, "height"),
        ({"prompt": "a fox", "format": "webp"}, "format"),
        ({"prompt": "a fox", "duration_s": 9}, "duration_s"),
    ],
)
def test_what_a_model_has_no_word_for_is_refused_by_name(params, field):
    with pytest.raises(InvalidParams) as refused:
        _asked(params)
    assert refused.value.field == field


@pytest.mark.parametrize(("inputs", "role"), [((picture("audio"),), "audio"), ((picture("mask"),) * 2, "mask")])
def test_files_that_a_model_has_no_place_for_are_refused_by_name(inputs, role):
    with pytest.raises(InvalidParams) as refused:
        _asked({"prompt": "a fox"}, inputs)
    assert refused.value.field == role


def test_files_go_where_the_model_looks_for_them():
    found = _asked({"prompt": "a fox"}, (picture(), picture("mask"), picture()))

    async def put(media):
        return f"https://{media.role}"

    whole = run(declared.with_files(None, found.payload, found.files, put))
    assert whole["pictures"] == [{"uri": "https://input"}] * 2
    assert whole["mask"] == "https://mask"


def test_a_length_between_two_is_rounded_up_and_noted():
    found = _asked({"prompt": "a fox", "duration_s": 5})
    assert found.payload["length"] == 8
    assert [(note.field, note.asked, note.used) for note in found.notes] == [("duration_s", "5", "8")]
