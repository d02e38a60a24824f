"""Recognisable silhouettes: creatures and things that the words of a prompt can call for."""

from .drawing import FIGURES, Lighting, draw_figure

__all__ = ["FIGURES", "Lighting", "draw_figure"]
