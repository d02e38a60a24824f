"""The first stage: a prompt against the operator's rules, before anything is held or made."""

import re
import time
import unicodedata
from datetime import datetime
from uuid import UUID

from moderation.errors import ContentBlocked
from moderation.models import Rule, Screening

_FRESH_SECONDS = 5.0
_WORDS = re.compile(r"\w+", re.UNICODE)
# Characters that are drawn as nothing and split words for a machine only.
_INVISIBLE = dict.fromkeys([*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0x00AD])


class _Rules:
    """This process's copy of the enabled rules: phrase as words, category, id."""

    def __init__(self) -> None:
        self.read_at = float("-inf")
        self.rows: list[tuple[str, str, int]] = []

    def current(self) -> list[tuple[str, str, int]]:
        now = time.monotonic()
        if now - self.read_at > _FRESH_SECONDS:
            found = Rule.objects.filter(enabled=True).values_list("phrase", "category", "id")
            self.rows = [(f" {normalise(phrase)} ", category, rule_id) for phrase, category, rule_id in found]
            self.read_at = now
        return self.rows


_rules = _Rules()


def screen_prompt(*, workspace_id: UUID, text: str, field: str, at: datetime) -> None:
    """Raises ContentBlocked when a rule matches; the refusal is recorded without the text."""
    rows = _rules.current()
    if not rows:
        return
    words = f" {normalise(text)} "
    for phrase, category, rule_id in rows:
        if phrase in words:
            Screening.objects.create(
                workspace_id=workspace_id, stage="prompt", verdict="block", category=category, rule_id=rule_id, at=at
            )
            raise ContentBlocked(category=category, field=field)


def normalise(text: str) -> str:
    """Words in lower case, compatibility forms folded, invisible characters dropped, one space between."""
    folded = unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).casefold()
    return " ".join(_WORDS.findall(folded))


def forget() -> None:
    """Makes the next screening of this process read the rules again."""
    _rules.read_at = float("-inf")
