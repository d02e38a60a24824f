"""The procedural painter behind the sketch provider: words and a seed in, a PNG out, no model involved."""

from .engine import STYLES, Painting, paint

__all__ = ["STYLES", "Painting", "paint"]
