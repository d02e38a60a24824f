"""Made-up data for `/styleguide`: every component in every state. It reads no database and needs no sign-in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.utils import timezone

_PROMPTS = (
    "A red fox in fresh snow, low winter sun",
    "A lighthouse on black rock, a storm coming in from the west",
    "Three hot air balloons over terraced hills at first light, seen from far above, the valley still in blue shade, "
    "a thin river, smoke from one chimney, and a road that winds up to a chapel on the ridge",
)
_SIZES = {"4:5": (1024, 1280), "1:1": (1024, 1024), "16:9": (1280, 720), "9:16": (720, 1280), "3:2": (1216, 816)}
_RATIOS = ("1:1", "4:5", "3:4", "2:3", "9:16", "5:4", "4:3", "3:2", "16:9")
_COLOURS = ("ground", "sunken", "surface", "raised", "line", "control", "faint", "muted", "text", "accent", "signal",
            "success", "warning", "danger")  # fmt: skip
_STYLES = ("Flat", "Paper cut", "Woodcut", "Ink", "Dusk")


@dataclass(frozen=True)
class Slot:
    index: int
    status: str
    asset_url: str = ""
    thumb_url: str = ""
    alt: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class JobCard:
    id: str
    status: str
    tone: str
    state_label: str
    stage_label: str = ""
    is_live: bool = False
    percent: int = 0
    prompt: str = _PROMPTS[0]
    asked: int = 4
    width: int = 1024
    height: int = 1280
    model_name: str = "Sketch"
    procedural: bool = True
    charge_label: str = "40 credits"
    cause: str = ""
    money_note: str = ""
    queue_note: str = ""
    created_at: datetime = field(default_factory=timezone.now)
    can_cancel: bool = False
    can_retry: bool = False
    retry_key: str = "styleguide"
    retry_label: str = "Try again · 40 credits"
    seq: int = 1
    has_place: bool = False
    slots: tuple[Slot, ...] = ()


@dataclass(frozen=True)
class Model:
    id: str
    name: str
    tagline: str
    procedural: bool
    selected: bool = False


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    selected: bool = False


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    label: str
    help: str = ""
    value: str | int | bool | None = ""
    options: tuple[Option, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    required: bool = False
    advanced: bool = False
    error: str = ""


@dataclass(frozen=True)
class QuoteLine:
    label: str
    quantity: int
    unit: str
    credits: int


@dataclass(frozen=True)
class Quote:
    total: int
    lines: tuple[QuoteLine, ...]
    available: bool = True
    affordable: bool = True
    shortfall: int = 0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Composer:
    models: tuple[Model, ...]
    model: Model
    fields: tuple[Field, ...]
    quote: Quote
    samples: tuple[str, ...] = _PROMPTS
    idempotency_key: str = "styleguide"
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Usage:
    running: int
    queued: int
    allowed: int


@dataclass(frozen=True)
class Tile:
    id: str
    url: str
    thumb_url: str
    alt: str
    width: int
    height: int
    created_at: datetime
    model_name: str = "Sketch"
    procedural: bool = True


class SampleForm(forms.Form):
    name = forms.CharField(help_text="Shown in the list, so that you know it again.")
    kind = forms.ChoiceField(choices=[("live", "Live"), ("sandbox", "Sandbox")])
    scopes = forms.MultipleChoiceField(
        choices=[
            ("generations:write", "Make images"),
            ("assets:read", "Read images"),
            ("wallet:read", "Read the wallet"),
        ],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    agree = forms.BooleanField(label="Tell me by mail when it is about to end", required=False)


def styleguide(request: HttpRequest) -> HttpResponse:
    """The page that the screenshot tests look at."""
    return render(request, "styleguide.html", context())


def context() -> dict[str, Any]:
    now = timezone.now()
    return {
        "colours": _COLOURS,
        "alerts": ("neutral", "active", "success", "warning", "danger"),
        "buttons": ("primary", "secondary", "quiet", "danger"),
        "tabs": [
            {"label": "All", "url": "#", "current": True},
            {"label": "Mine", "url": "#", "current": False},
        ],
        "form": SampleForm(auto_id="id_%s"),
        "form_with_errors": SampleForm({"name": "", "kind": "live"}, auto_id="id_wrong_%s"),
        "composer": composer(),
        "quote_short": replace(quote(), affordable=False, shortfall=30),
        "quote_waiting": replace(quote(), available=False, reasons=("Write a prompt first.",)),
        "usage": Usage(running=1, queued=2, allowed=4),
        "jobs": jobs(now),
        "tiles": tiles(now),
    }


def composer() -> Composer:
    model = Model(
        "sketch-image", "Sketch", "Flat scenes drawn by rules, in a second or two", procedural=True, selected=True
    )
    return Composer(
        models=(model,),
        model=model,
        fields=(
            Field("prompt", "prompt", "Prompt", help="Describe the picture", maximum=2000, required=True),
            Field("aspect_ratio", "choice", "Shape", options=_options(_RATIOS, "4:5")),
            Field("n", "count", "Images", value=4, options=_options(("1", "2", "3", "4"), "4"), minimum=1, maximum=4),
            Field("style", "choice", "Style", options=_options(_STYLES, "Flat")),
            Field("seed", "seed", "Seed", value=None, minimum=0, maximum=2**31 - 1, advanced=True),
        ),
        quote=quote(),
    )


def quote() -> Quote:
    return Quote(total=40, lines=(QuoteLine("Sketch", 4, "images at 10", 40),))


def jobs(now: datetime) -> list[JobCard]:
    """One card for each state a job can be in, and one for each count of pictures."""
    live: dict[str, Any] = {"is_live": True, "can_cancel": True, "charge_label": "40 credits held"}
    back: dict[str, Any] = {"can_retry": True, "charge_label": "40 credits returned", "slots": _slots("failed", 4)}
    cards = [
        JobCard("gen_queued", "queued", "neutral", "Queued", "3rd in line", slots=_slots("pending", 4),
                queue_note="Starts in about 5\N{EN DASH}10 s", **live),
        JobCard("gen_running", "running", "active", "Running", "Drawing", percent=42,
                slots=(*_slots("succeeded", 1), *_slots("running", 3, first=1)), **live),
        JobCard("gen_slow", "running", "warning", "Slow", "Drawing", percent=80, slots=_slots("running", 4),
                queue_note="This takes longer than usual.", **live),
        JobCard("gen_canceling", "canceling", "neutral", "Canceling", "Stopping", slots=_slots("pending", 4),
                is_live=True, charge_label="40 credits held"),
        JobCard("gen_reconciling", "reconciling", "warning", "Checking", "Asking the provider how it ended",
                slots=_slots("pending", 4), is_live=True, charge_label="40 credits held"),
        JobCard("gen_partial", "partially_succeeded", "warning", "3 of 4 made", can_retry=True,
                charge_label="30 credits", cause="One image could not be saved.", money_note="10 credits came back.",
                slots=(*_slots("succeeded", 3), *_slots("failed", 1, first=3))),
        JobCard("gen_failed", "failed", "danger", "Failed", cause="The engine stopped before it finished.",
                money_note="All 40 credits were returned.", **back),
        JobCard("gen_blocked", "blocked", "danger", "Blocked", cause="The prompt names a real person.",
                money_note="Nothing was charged.", charge_label="No charge", slots=_slots("failed", 4)),
        JobCard("gen_canceled", "canceled", "neutral", "Canceled", cause="You canceled this job.",
                money_note="All 40 credits were returned.", **back),
        JobCard("gen_aborted", "aborted", "neutral", "Not started", cause="It waited too long for a free slot.",
                money_note="All 40 credits were returned.", **back),
        JobCard("gen_expired", "expired", "neutral", "Expired", cause="Its pictures were kept for 30 days.",
                charge_label="40 credits", slots=_slots("failed", 4)),
    ]  # fmt: skip
    for count, ratio in ((1, "3:2"), (2, "4:5"), (3, "16:9"), (4, "1:1"), (4, "9:16")):
        cards.append(_done(count, ratio))
    return [replace(card, created_at=now - timedelta(minutes=7 * number)) for number, card in enumerate(cards)]


def tiles(now: datetime) -> list[Tile]:
    shapes = [_SIZES[ratio] for ratio in ("4:5", "16:9", "1:1", "3:2", "9:16", "1:1", "4:5", "16:9")]
    return [
        Tile(
            f"ast_{number}",
            f"#ast_{number}",
            sample(number),
            _PROMPTS[number % 3],
            *size,
            now - timedelta(hours=number),
        )
        for number, size in enumerate(shapes)
    ]


def sample(number: int) -> str:
    return static(f"img/landing/{number % 8 + 1}.webp")


def _done(count: int, ratio: str) -> JobCard:
    width, height = _SIZES[ratio]
    return JobCard(
        f"gen_done_{count}_{ratio.replace(':', 'x')}",
        "succeeded",
        "success",
        "Done",
        prompt=_PROMPTS[count % 3],
        asked=count,
        width=width,
        height=height,
        charge_label=f"{count * 10} credits",
        slots=_slots("succeeded", count, size=(width, height)),
    )


def _slots(status: str, count: int, *, first: int = 0, size: tuple[int, int] = (1024, 1280)) -> tuple[Slot, ...]:
    made = status == "succeeded"
    return tuple(
        Slot(
            index=number,
            status=status,
            asset_url=f"#ast_{number}" if made else "",
            thumb_url=sample(number) if made else "",
            alt=f"{_PROMPTS[0]}, image {number + 1}" if made else "",
            width=size[0],
            height=size[1],
        )
        for number in range(first, first + count)
    )


def _options(values: tuple[str, ...], chosen: str) -> tuple[Option, ...]:
    return tuple(Option(value, value, value == chosen) for value in values)
