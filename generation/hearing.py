"""Whose webhooks reach us. Who is heard is looked at less often: a look costs a request of the provider's limit too."""

import time

# After this long without a word an adapter's provider is looked at as often as one that never says anything.
_TRUSTED_SECONDS = 600.0
_PATIENT = 4.0
_heard_at: dict[str, float] = {}


def note(*, adapter: str) -> None:
    """A webhook of this adapter's provider came, and woke a flight."""
    _heard_at[adapter] = time.monotonic()


def patience(*, adapter: str) -> float:
    """How many times longer than usual the pauses between looks are. What webhooks tell is not lost with one of them:
    it is seen by the next look."""
    heard_at = _heard_at.get(adapter)
    return _PATIENT if heard_at is not None and time.monotonic() - heard_at < _TRUSTED_SECONDS else 1.0


def forget() -> None:
    """As in a process that has heard nothing yet."""
    _heard_at.clear()
