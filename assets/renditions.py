"""Smaller versions of pictures, and the proof that a picture is one."""

import io
from dataclasses import dataclass

from PIL import Image

from assets.errors import UnreadableOutput

# Longest side in pixels. WebP at a low effort: two to three times quicker than Pillow's default at equal look.
SIZES = {"web": 1280, "thumb": 512}
_QUALITY, _EFFORT = 82, 2
# Twice the largest picture any model here makes; beyond it a file is a bomb, not a result.
_MAX_PIXELS = 50_000_000
_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}


@dataclass(frozen=True, slots=True)
class Rendered:
    """One encoded version."""

    variant: str
    content: bytes
    media_type: str
    width: int
    height: int


def size_of_image(content: bytes, media_type: str) -> tuple[int, int]:
    """Width and height. Decodes the whole picture: raises UnreadableOutput when it is not what its type says, broken
    or too large."""
    return decoded(content, media_type).size


def smaller(content: bytes, media_type: str) -> tuple[Rendered, ...]:
    """A picture's smaller versions. Raises UnreadableOutput."""
    picture = decoded(content, media_type)
    if picture.mode not in {"RGB", "RGBA"}:
        picture = picture.convert("RGBA" if "A" in picture.getbands() else "RGB")
    return tuple(_render(picture, name) for name in SIZES)


def decoded(content: bytes, media_type: str) -> Image.Image:
    """The picture, read whole. Raises UnreadableOutput when it is not what its type says, broken or too large."""
    expected = _FORMATS.get(media_type)
    if expected is None:
        raise UnreadableOutput(f"{media_type} is not a picture that is kept.")
    try:
        opened = Image.open(io.BytesIO(content), formats=[expected])
        if opened.width * opened.height > _MAX_PIXELS:
            raise UnreadableOutput("The picture has too many pixels.")
        opened.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as exc:
        raise UnreadableOutput(type(exc).__name__) from exc
    return opened


def _render(picture: Image.Image, variant: str) -> Rendered:
    longest = SIZES[variant]
    scale = min(1.0, longest / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    smaller = picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    buffer = io.BytesIO()
    smaller.save(buffer, "WEBP", quality=_QUALITY, method=_EFFORT)
    return Rendered(variant, buffer.getvalue(), "image/webp", *size)
