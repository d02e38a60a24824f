import json

import pytest
from django.utils import timezone

from providers import gateway, registry
from providers.contracts import Refused
from providers.errors import AuthFailed, InvalidParams, QuotaExhausted, RateLimited
from providers.wire import Reply
from tests.providers.conformance.case import picture
from tests.providers.conformance.conftest import revision_of

PARAMS = {"prompt": "a fox", "width": 1024, "height": 1024}
MASKED = (picture(), picture("mask"))


def plan(slug, inputs=(), **params):
    return gateway.plan(revision=revision_of(slug), params=params, deadline=timezone.now(), inputs=inputs)


def said(status, name):
    body = json.dumps({"id": "x", "name": name, "errors": ["a fox in the snow"]}).encode()
    return registry.adapter("stability").classify(Reply(status, {}, body), billable=True)


@pytest.mark.parametrize(
    ("slug", "inputs", "params", "field"),
    [
        ("stable-image-edit", (picture(),), {"edit": "inpaint", "prompt": "a hat"}, "mask"),
        ("stable-image-edit", MASKED, {"edit": "inpaint"}, "prompt"),
        ("stable-image-edit", MASKED, {"edit": "erase", "prompt": "a hat"}, "prompt"),
        ("stable-image-edit", MASKED, {"edit": "outpaint", "left": 10}, "mask"),
        ("stable-image-edit", (picture(),), {"edit": "outpaint", "left": 0}, "left"),
        ("stable-image-edit", (picture(),), {"edit": "search_and_replace", "prompt": "a cat"}, "search_prompt"),
        ("stable-image-edit", (picture(), picture()), {"operation": "remove_background"}, "image"),
        ("stable-image-edit", (picture(),), {"operation": "remove_background", "format": "jpeg"}, "format"),
        ("stable-image-edit", (), {"operation": "remove_background"}, "image"),
        ("stable-image-core", (picture(),), {**PARAMS, "operation": "edit"}, "operation"),
        ("stable-image-ultra", (), {**PARAMS, "strength": 0.5}, "strength"),
        ("stable-image-upscale", (picture(),), {"quality": "creative"}, "prompt"),
        ("stable-image-upscale", (picture(),), {"quality": "fast", "prompt": "a fox"}, "prompt"),
        ("stable-image-relight", (picture("reference"),), {"prompt": "a beach"}, "image"),
        ("stable-image-relight", (picture(),), {"prompt": "a beach", "light_strength": 0.5}, "light_strength"),
        ("stable-audio-2.5", (), {"prompt": "calm", "lyrics": "la la"}, "lyrics"),
        ("stable-audio-2.5", (), {"prompt": "calm", "instrumental": False}, "instrumental"),
    ],
)
def test_what_an_edit_cannot_do_is_refused_by_name_before_anything_is_sent(slug, inputs, params, field):
    with pytest.raises(InvalidParams) as refused:
        plan(slug, inputs, **params)
    assert refused.value.field == field


def test_a_mask_goes_as_it_is_since_white_is_what_changes_with_them_too():
    assert [part.media for part in plan("stable-image-edit", MASKED, edit="erase").files] == list(MASKED)


def test_every_request_is_a_form_though_it_has_no_file():
    assert plan("stable-image-core", **PARAMS).encoding == "multipart"


def test_the_seeds_that_they_read_otherwise_are_moved_by_one_and_noted():
    for seed, used in ((0, 1), (2**32 - 1, 2**32 - 2)):
        made = plan("stable-image-core", **PARAMS, seed=seed)
        assert made.payload["seed"] == used
        assert [(note.field, note.asked, note.used) for note in made.notes] == [("seed", seed, used)]


def test_a_shape_that_they_do_not_have_becomes_the_nearest_and_is_noted():
    made = plan("stable-image-core", **{**PARAMS, "width": 1184, "height": 880})
    assert made.payload["aspect_ratio"] == "5:4"
    assert [note.field for note in made.notes] == ["aspect_ratio"]


def test_music_may_begin_from_a_piece_put_in():
    made = plan("stable-audio-2.5", (picture("audio"),), prompt="calm", strength=0.3)
    assert made.path.endswith("/audio-to-audio")
    assert [part.field for part in made.files] == ["audio"]


def test_a_moderated_request_is_no_wrong_key_though_both_are_403():
    refused = said(403, "content_moderation")
    assert isinstance(refused, Refused)
    assert "fox" not in repr(refused)
    assert isinstance(said(403, "forbidden"), AuthFailed)
    assert isinstance(said(402, "payment_required"), QuotaExhausted)


def test_a_door_that_is_closed_for_a_minute_is_not_knocked_at_sooner():
    limited = said(429, "rate_limit_exceeded")
    assert isinstance(limited, RateLimited)
    assert limited.retry_after_seconds == 60.0
