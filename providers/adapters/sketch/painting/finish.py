"""The last touches and the file: vignette, film grain, PNG and its honest label."""

from io import BytesIO
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .canvas import Canvas

SOFTWARE = "Wildmind sketch engine (procedural, not AI)"
# IPTC NewsCodes: https://cv.iptc.org/newscodes/digitalsourcetype/ (algorithm without training data).
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"


# Flat paper shows a vignette as dirt; skies and rooms gain depth from it.
VIGNETTES = {"geometric": 0.06, "flow": 0.06, "papercut": 0.1, "bloom": 0.12, "silk": 0.12}


def vignette(canvas: Canvas, *, colour: str = "#000000", strength: float = 0.22) -> None:
    """Darken the corners a little, so that the eye stays in the picture."""
    down, across = np.mgrid[-1:1:64j, -1:1:64j]
    distance = np.clip((np.hypot(across, down) - 0.55) / 0.9, 0, 1) ** 1.6
    canvas.shade((distance * strength).astype(np.float32), colour)


def grain(canvas: Canvas, *, rng: np.random.Generator, strength: float = 1.5) -> None:
    """Add film grain (`strength` is its deviation in levels of 255); it also hides the steps of soft gradients."""
    noise = rng.standard_normal((canvas.height, canvas.width, 1), dtype=np.float32)
    speckle = np.rint(noise * np.float32(strength)).astype(np.int16)
    pixels = np.asarray(canvas.image, np.int16) + speckle
    canvas.image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def encode(image: Image.Image) -> bytes:
    """Return the picture as PNG with the label that says how it was made. The prompt stays out of the file."""
    label = PngInfo()
    label.add_text("Software", SOFTWARE)
    label.add_itxt("XML:com.adobe.xmp", _xmp())
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=4, pnginfo=label)
    return buffer.getvalue()


def _xmp() -> str:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>"
        f"<xmp:CreatorTool>{escape(SOFTWARE)}</xmp:CreatorTool>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
