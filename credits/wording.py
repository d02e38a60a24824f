"""The lines of a statement in words: what happened, and why."""

from collections.abc import Callable, Mapping

from credits import refunds, usage
from credits.selectors import ORIGIN_LABELS, StatementRow
from credits.usage import Amount

# The filters of the statement, and the kinds of posting that each shows.
FILTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "generations": ("Generations", ("capture", "void", "refund", "grace")),
    "added": ("Added", ("grant",)),
    "expired": ("Expired", ("expire", "rollover")),
    "corrections": ("Corrections", ("adjust", "claw_back", "repay")),
}

_UNITS: Mapping[str, tuple[str, str]] = {
    "image": ("image", "images"), "megapixel": ("megapixel", "megapixels"), "second": ("second", "seconds"),
    "1k_tokens": ("thousand tokens", "thousand tokens"), "call": ("call", "calls"),
    "1k_characters": ("thousand characters", "thousand characters"),
}  # fmt: skip


def line(row: StatementRow) -> str:
    """One line in words, as on the page and in the CSV file: `Returned: The model failed`."""
    what, why = _TELL[row.kind](row)
    return f"{what}: {why}" if why else what


def aside(row: StatementRow) -> str:
    """What happened beside the line's own figure, or nothing."""
    if row.kind == "capture" and row.released:
        return f"{row.released:,} came back"
    if row.kind == "grace":
        return "The credits had expired while they were held"
    return ""


def still(row: StatementRow) -> str:
    """The figure of a line that moves no balance: what came back, lived on or was repaid; nothing for other lines."""
    if row.kind == "void":
        return f"{row.released:,} returned"
    return f"{row.moved:,} {'repaid' if row.kind == 'repay' else 'kept'}" if row.moved else ""


def quantity(used: Amount) -> str:
    """`4 images`, `2.5 seconds`; a unit that is new here as it is named."""
    one, many = _UNITS.get(used.unit, (used.unit, used.unit))
    return f"{usage.plain(used.quantity)} {one if used.quantity == 1 else many}"


def _plain(what: str) -> Callable[[StatementRow], tuple[str, str]]:
    return lambda row: (what, row.reason)


_TELL: Mapping[str, Callable[[StatementRow], tuple[str, str]]] = {
    "grant": _plain("Credits added"),
    "capture": lambda row: ("Generation", refunds.title(row.reason)),
    "void": lambda row: ("Returned", refunds.title(row.reason)),
    "refund": _plain("Refund"),
    "grace": lambda row: ("Kept for 30 more days", ""),
    "expire": lambda row: ("Expired", ORIGIN_LABELS.get(row.reason, row.reason)),
    "rollover": lambda row: ("Rolled over to the next period", ""),
    "adjust": _plain("Correction"),
    "claw_back": _plain("Taken back because a payment was reversed"),
    "repay": lambda row: ("Owed credits repaid", ""),
}
KINDS = frozenset(_TELL)
