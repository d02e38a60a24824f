"""A picture made the size that was asked for, where its model knows others only."""

import io
from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from assets.renditions import decoded

_SAVED_AS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "image/png": ("PNG", {}), "image/jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    "image/webp": ("WEBP", {"quality": 95, "method": 2}),
}  # fmt: skip


def fitted(content: bytes, media_type: str, size: tuple[int, int]) -> bytes:
    """The picture scaled to cover `size` and cut to it around its middle; unchanged if it is of that size. Raises
    UnreadableOutput."""
    picture = decoded(content, media_type)
    if picture.size == size:
        return content
    form, options = _SAVED_AS[media_type]
    found = ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
    # What a picture says of its making stays with it.
    if form == "PNG":
        options = {"pnginfo": _texts(picture)}
    out = io.BytesIO()
    found.save(out, form, icc_profile=picture.info.get("icc_profile"), **options)
    return out.getvalue()


def _texts(picture: Image.Image) -> PngInfo:
    kept = PngInfo()
    for name, text in getattr(picture, "text", {}).items():
        kept.add_itxt(name, text)
    return kept
