"""The tags and filters of the site's own look, and the pages that lean on nothing but them."""

from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import timezone

from core import styleguide
from core.templatetags import ui


@dataclass(frozen=True)
class Lot:
    remaining: int


@dataclass(frozen=True)
class Control:
    value: str = ""
    options: list = field(default_factory=list)
    minimum: int | None = None
    maximum: int | None = None


class TestShape:
    @pytest.mark.parametrize(
        ("width", "height", "expected"),
        [(1024, 1024, "1x1"), (1216, 816, "3x2"), (720, 1280, "9x16"), (1000, 1010, "1x1"), (5000, 100, "21x9")],
    )
    def test_names_the_nearest_shape(self, width, height, expected):
        assert ui.shape(width, height) == expected

    def test_is_a_square_when_the_size_is_not_known(self):
        assert ui.shape(None, 0) == "1x1"

    def test_has_a_class_in_the_stylesheet_for_every_name(self, settings):
        css = (settings.BASE_DIR / "static/css/app.css").read_text()

        assert all(f".shape-{name} " in css for name in ui._SHAPES)


class TestOrientation:
    @pytest.mark.parametrize(
        ("width", "height", "expected"),
        [(9, 16, "tall"), (4, 5, "portrait"), (1, 1, "square"), (16, 9, "landscape"), (None, None, "square")],
    )
    def test_sorts_sets_of_pictures(self, width, height, expected):
        assert ui.orientation(width, height) == expected


class TestRatioGlyph:
    def test_draws_the_proportions(self):
        assert 'width="16.0" height="9.0"' in ui.ratio_glyph("16:9")

    @pytest.mark.parametrize("value", ["auto", "", "0:4", "4:x"])
    def test_draws_a_square_for_anything_else(self, value):
        assert 'width="16.0" height="16.0"' in ui.ratio_glyph(value)


class TestSegments:
    def test_fill_the_bar_from_end_to_end(self):
        bars = ui.segments([Lot(90), Lot(350), Lot(800)])

        assert bars[0]["x"] == 0
        assert bars[-1]["x"] + bars[-1]["width"] == pytest.approx(100, abs=0.01)

    def test_are_none_when_nothing_is_left(self):
        assert ui.segments([Lot(0)]) == []


class TestChoices:
    def test_are_the_options_when_there_are_any(self):
        option = SimpleNamespace(value="4:5", label="4:5", selected=True)

        assert ui.choices(Control(options=[option])) == [{"value": "4:5", "label": "4:5", "selected": True}]

    def test_are_the_numbers_between_the_bounds_of_a_count(self):
        found = ui.choices(Control(value="3", minimum=1, maximum=4))

        assert [(item["label"], item["selected"]) for item in found] == [
            ("1", False), ("2", False), ("3", True), ("4", False),
        ]  # fmt: skip

    def test_stay_few_when_the_bounds_are_wide(self):
        assert len(ui.choices(Control(minimum=0, maximum=10_000))) == 10


class TestFigures:
    def test_signed_uses_a_real_minus(self):
        assert (ui.signed(1200), ui.signed(-40), ui.signed(0)) == ("+1,200", "\N{MINUS SIGN}40", "0")

    def test_credits_word_knows_one(self):
        assert (ui.credits_word(1), ui.credits_word(1234), ui.credits_word(None)) == (
            "1 credit", "1,234 credits", "0 credits",
        )  # fmt: skip


class TestAgo:
    @pytest.mark.parametrize(
        ("before", "words"),
        [
            (timedelta(seconds=5), "just now"),
            (timedelta(minutes=7), "7 min ago"),
            (timedelta(hours=3), "3 h ago"),
            (timedelta(days=2), "2 d ago"),
        ],
    )
    def test_says_how_long(self, before, words):
        assert f">{words}</time>" in ui.ago(timezone.now() - before)

    def test_is_empty_without_a_moment(self):
        assert ui.ago(None) == ui.day(None) == ""


class TestCurrent:
    def render(self, url_name):
        request = RequestFactory().get("/")
        request.resolver_match = SimpleNamespace(url_name=url_name)
        return Template('{% current "studio" "job" %}').render(Context({"request": request}))

    def test_marks_the_page_that_is_shown(self):
        assert self.render("job") == 'aria-current="page"'

    def test_leaves_the_others_alone(self):
        assert self.render("gallery") == ""

    def test_needs_no_request(self):
        assert Template('{% current "studio" %}').render(Context({})) == ""


class TestComponent:
    def test_escapes_inputs_and_keeps_the_block(self):
        html = Template('{% component "card" title=name %}<b>in</b>{% endcomponent %}').render(Context({"name": "<i>"}))

        assert "&lt;i&gt;" in html
        assert "<b>in</b>" in html

    def test_escapes_what_the_block_prints(self):
        html = Template('{% component "card" %}{{ text }}{% endcomponent %}').render(Context({"text": "<script>"}))

        assert "<script>" not in html


class TestIcon:
    def test_is_hidden_from_screen_readers_without_a_label(self):
        assert 'aria-hidden="true"' in ui.icon("copy")

    def test_is_named_with_one(self):
        assert 'aria-label="Copy &amp; go"' in ui.icon("copy", label="Copy & go")

    def test_is_in_the_sprite_wherever_a_template_asks_for_it(self, settings):
        sprite = (settings.BASE_DIR / "static/img/icons.svg").read_text()
        texts = [path.read_text() for path in (settings.BASE_DIR / "templates").rglob("*.html")]
        asked = {part.split('"')[0] for text in texts for part in text.split('{% icon "')[1:]}

        assert {name for name in asked if f'id="{name}"' not in sprite} == set()


class TestTemplates:
    def test_carry_nothing_that_the_policy_forbids(self, settings):
        folder = settings.BASE_DIR / "templates"
        pages = [path for path in folder.rglob("*.html") if path.name != "email.html"]
        forbidden = (" style=", " onclick=", " onload=", "hx-on", "javascript:", "https://", "http://")

        found = {(path.name, word) for path in pages for word in forbidden if word in path.read_text()}

        assert found == set()

    def test_start_each_component_with_its_inputs(self, settings):
        components = (settings.BASE_DIR / "templates/components").glob("*.html")

        assert [path.name for path in components if not path.read_text().startswith("{# Inputs:")] == []

    def test_render_500_without_any_context(self):
        assert "Something broke" in render_to_string("500.html")


class TestStyleguide:
    def test_shows_every_state_of_a_job(self):
        states = {job.status for job in styleguide.jobs(timezone.now())}

        assert states == {
            "queued", "running", "canceling", "reconciling", "succeeded", "partially_succeeded", "failed", "canceled",
            "aborted", "blocked", "expired",
        }  # fmt: skip
