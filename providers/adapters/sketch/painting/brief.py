"""What a scene is given and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .canvas import Canvas
from .reading import Reading
from .seeding import generator

Work = tuple[Canvas, tuple[str, ...]]  # the picture, and the colours it was made with


@dataclass(frozen=True, slots=True)
class Brief:
    """One picture to paint. `report` takes the finished share of the scene, 0 to 1."""

    prompt: str
    seed: int
    width: int
    height: int
    reading: Reading
    report: Callable[[float], None]

    def rng(self, tag: str) -> np.random.Generator:
        return generator(seed=self.seed, prompt=self.prompt, tag=tag)

    def canvas(self, colour: str = "#000000") -> Canvas:
        return Canvas(width=self.width, height=self.height, colour=colour)

    def says(self, *words: str) -> bool:
        return not self.reading.words.isdisjoint(words)

    def shows(self, sign: str) -> bool:
        return sign in self.reading.signs
