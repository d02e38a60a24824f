"""Tags and filters of the site's own look. Loaded as builtins, so no template needs `{% load ui %}`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from django import template
from django.conf import settings
from django.template.context import Context
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import ngettext

register = template.Library()

# The shapes a tile may take. A closed set, because the policy allows no inline style: app.css has one class per row.
_SHAPES: dict[str, float] = {
    "9x21": 9 / 21,
    "1x2": 1 / 2,
    "9x16": 9 / 16,
    "2x3": 2 / 3,
    "3x4": 3 / 4,
    "4x5": 4 / 5,
    "1x1": 1.0,
    "5x4": 5 / 4,
    "4x3": 4 / 3,
    "3x2": 3 / 2,
    "16x9": 16 / 9,
    "2x1": 2.0,
    "21x9": 21 / 9,
}
_MINUS = "\N{MINUS SIGN}"
_BAR_GAP = 0.4
_MOST_CHOICES = 10
_GLYPH_BOX = 20
_GLYPH_LONG_SIDE = 16.0


class _Option(Protocol):
    @property
    def value(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def selected(self) -> bool: ...


class _Choosable(Protocol):
    @property
    def value(self) -> object: ...
    @property
    def options(self) -> Sequence[_Option]: ...
    @property
    def minimum(self) -> int | None: ...
    @property
    def maximum(self) -> int | None: ...


class _Lot(Protocol):
    @property
    def remaining(self) -> int: ...


@register.simple_tag
def icon(name: str, label: str = "", size: str = "") -> SafeString:
    """A picture from the sprite. Without a label it is decoration and hidden from screen readers."""
    return render_to_string("components/icon.html", {"name": name, "label": label, "size": size})


@register.simple_block_tag(takes_context=True)
def component(context: Context, content: str, name: str, **inputs: object) -> SafeString:
    """Renders `components/<name>.html` around the block: `{% component "card" title="Lots" %}…{% endcomponent %}`."""
    return render_to_string(f"components/{name}.html", {**inputs, "content": mark_safe(content)})  # noqa: S308


@register.simple_tag(takes_context=True)
def current(context: Context, *url_names: str) -> SafeString:
    """`aria-current="page"` when the page being shown is one of these."""
    match = getattr(context.get("request"), "resolver_match", None)
    if match is not None and match.url_name in url_names:
        return mark_safe('aria-current="page"')
    return SafeString("")


@register.simple_tag
def site_name() -> str:
    """The site's name where `site` means something else: allauth puts the request's host under that name."""
    return str(settings.SITE_NAME)


@register.simple_tag
def shape(width: int | None, height: int | None) -> str:
    """The nearest named shape, measured on a log scale so that 2:1 and 1:2 are equally far from a square."""
    if not width or not height:
        return "1x1"
    wanted = math.log(width / height)
    return min(_SHAPES, key=lambda name: abs(math.log(_SHAPES[name]) - wanted))


@register.simple_tag
def orientation(width: int | None, height: int | None) -> str:
    """How a set of pictures is laid out: `tall`, `portrait`, `square` or `landscape`. optimistic.js knows the same."""
    ratio = (width or 1) / (height or 1)
    if ratio < 0.7:
        return "tall"
    if ratio < 0.9:
        return "portrait"
    return "landscape" if ratio > 1.15 else "square"


@register.simple_tag
def ratio_glyph(value: str) -> SafeString:
    """A small outline with the proportions of "4:5". Anything that is not a proportion draws a square."""
    wide, _, tall = value.partition(":")
    x, y = (int(wide), int(tall)) if wide.isdigit() and tall.isdigit() and int(wide) and int(tall) else (1, 1)
    scale = _GLYPH_LONG_SIDE / max(x, y)
    width, height = round(x * scale, 1), round(y * scale, 1)
    return format_html(
        '<svg class="ratio-glyph" viewBox="0 0 {box} {box}" width="{box}" height="{box}" aria-hidden="true">'
        '<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="1.5"/></svg>',
        box=_GLYPH_BOX,
        left=round((_GLYPH_BOX - width) / 2, 2),
        top=round((_GLYPH_BOX - height) / 2, 2),
        width=width,
        height=height,
    )


@register.filter
def segments(lots: Sequence[_Lot]) -> list[dict[str, float]]:
    """The lots as neighbouring bars in a box 100 wide, in the order they are given."""
    total = sum(lot.remaining for lot in lots)
    if total <= 0:
        return []
    bars: list[dict[str, float]] = []
    left = 0.0
    for lot in lots:
        width = 100 * lot.remaining / total
        gap = _BAR_GAP if lot is not lots[-1] else 0.0
        bars.append({"x": round(left, 3), "width": round(max(width - gap, _BAR_GAP), 3)})
        left += width
    return bars


@register.filter
def choices(field: _Choosable) -> list[dict[str, object]]:
    """The options of a control; a count that names only its bounds has one for each number between them."""
    if field.options or field.minimum is None or field.maximum is None:
        return [{"value": o.value, "label": o.label, "selected": o.selected} for o in field.options]
    numbers = range(field.minimum, field.maximum + 1)[:_MOST_CHOICES]
    return [{"value": n, "label": str(n), "selected": str(n) == str(field.value)} for n in numbers]


@register.filter
def thousands(value: int | None) -> str:
    """1234567 → `1,234,567`."""
    return f"{value or 0:,}"


@register.filter
def credits_word(value: int | None) -> str:
    """1234 → `1,234 credits`."""
    amount = value or 0
    return f"{thousands(amount)} {ngettext('credit', 'credits', abs(amount))}"


@register.filter
def signed(value: int) -> str:
    """With its sign, and a real minus so that columns of figures line up."""
    return f"+{value:,}" if value > 0 else f"{_MINUS}{abs(value):,}" if value else "0"


@register.filter
def ago(value: datetime | None) -> SafeString:
    """A `<time>` that says how long ago, with the exact moment as its title."""
    if value is None:
        return SafeString("")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        date_format(timezone.localtime(value) if timezone.is_aware(value) else value, "DATETIME_FORMAT"),
        _distance(value),
    )


@register.filter
def day(value: datetime | None) -> SafeString:
    """A `<time>` with the date alone."""
    if value is None:
        return SafeString("")
    local = timezone.localtime(value) if timezone.is_aware(value) else value
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), date_format(local, "j M Y"))


@register.filter
def words(values: Iterable[object]) -> str:
    """Joins with spaces: scopes, class names."""
    return " ".join(str(value) for value in values)


def _distance(value: datetime) -> str:
    seconds = (timezone.now() - value).total_seconds() if timezone.is_aware(value) else 0.0
    if seconds < 45:
        return "just now"
    for limit, unit, name in ((3600, 60, "min"), (86_400, 3600, "h"), (604_800, 86_400, "d")):
        if seconds < limit:
            return f"{max(1, round(seconds / unit))} {name} ago"
    return date_format(timezone.localtime(value), "j M Y")
