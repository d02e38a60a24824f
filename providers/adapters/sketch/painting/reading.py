"""What a prompt asks for, as far as the painter's small lexicon understands it."""

import re
from collections import Counter
from dataclasses import dataclass

from .lexicon import COLOUR_WORDS, FIGURE_HOMES, FIGURE_WORDS, LIGHT_WORDS, STYLE_WORDS, WEATHER_WORDS

_READ_AT_MOST = 4000  # characters: the rest of a long prompt still steers chance, not the motif
_WORD = re.compile(r"[^\W\d_]+")
_REACH = 2  # a colour belongs to the noun at most this many words after it ("red wooden boat")
# These words also name things, so they count as colours only when nothing else does.
_WEAK_COLOURS = frozenset({"golden", "rose", "olive", "lavender", "cream", "peach", "white", "black"})
_GREYS = frozenset({"white", "black"})
_STAGES = ("city", "forest", "dunes", "bloom", "cosmos")
_CREATURES = frozenset(
    {"fox", "cat", "deer", "wolf", "bear", "rabbit", "owl", "penguin", "horse", "dog", "elephant", "windmill"}
)


@dataclass(frozen=True, slots=True)
class Reading:
    """The motif of a prompt. `colours` steer the palette; `figure_colour` belongs to the figure alone."""

    styles: tuple[tuple[str, int], ...] = ()
    figure: str | None = None
    figure_colour: str | None = None
    light: str | None = None
    signs: frozenset[str] = frozenset()
    colours: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()

    @property
    def creature(self) -> str | None:
        return self.figure if self.figure in _CREATURES else None

    def best_style(self) -> str | None:
        """Return the style the words call for, or None when they call for none."""
        scores = Counter(dict(self.styles))
        if self.creature:
            # An animal alone is the picture's hero; in places that have a stage for it, it joins the scene.
            scores["fable"] += 2 if any(scores[place] > 2 for place in _STAGES) else 4
        elif self.figure and not (set(scores) & {"range", "forest", "shore", "dunes", "city", "cosmos"}):
            scores[FIGURE_HOMES.get(self.figure, "fable")] += 4
        if not scores:
            return None
        return max(sorted(scores), key=lambda style: scores[style])


def read(prompt: str) -> Reading:
    """Read the motif out of a prompt."""
    words = [_singular(word) for word in _WORD.findall(prompt[:_READ_AT_MOST].casefold())]
    figures = [at for at, word in enumerate(words) if word in FIGURE_WORDS]
    # A person is the least particular figure, so anything else that is named goes first.
    figure_at = min(figures, key=lambda at: (FIGURE_WORDS[words[at]] == "walker", at), default=None)
    own_colour_at = _colour_before(words, figure_at)
    scores: Counter[str] = Counter()
    for word in words:
        if word in STYLE_WORDS:
            style, weight = STYLE_WORDS[word]
            scores[style] += weight
    return Reading(
        styles=tuple(sorted(scores.items())),
        figure=FIGURE_WORDS[words[figure_at]] if figure_at is not None else None,
        figure_colour=COLOUR_WORDS[words[own_colour_at]] if own_colour_at is not None else None,
        light=next((LIGHT_WORDS[word] for word in words if word in LIGHT_WORDS), None),
        signs=frozenset(WEATHER_WORDS[word] for word in words if word in WEATHER_WORDS),
        colours=_scene_colours(words, own_colour_at),
        words=frozenset(words),
    )


def _scene_colours(words: list[str], own_colour_at: int | None) -> tuple[str, ...]:
    """Return the colours for the picture as a whole.

    A lone "white" or "black" says how a thing looks, not that the picture has no colour; together
    they do ask for a picture without.
    """
    named = [word for at, word in enumerate(words) if word in COLOUR_WORDS and at != own_colour_at]
    strong = [word for word in named if word not in _WEAK_COLOURS]
    weak = [word for word in named if word not in _GREYS]
    chosen = strong or weak or (named if len(set(named)) > 1 else [])
    return tuple(COLOUR_WORDS[word] for word in dict.fromkeys(chosen))[:4]


def _colour_before(words: list[str], noun_at: int | None) -> int | None:
    if noun_at is None:
        return None
    return next(
        (at for at in range(noun_at - 1, max(-1, noun_at - 1 - _REACH), -1) if words[at] in COLOUR_WORDS),
        None,
    )


def _singular(word: str) -> str:
    known = (FIGURE_WORDS, STYLE_WORDS, LIGHT_WORDS, WEATHER_WORDS, COLOUR_WORDS)
    if not word.endswith("s") or any(word in table for table in known):
        return word
    return word[:-3] + "y" if word.endswith("ies") else word[:-1]
