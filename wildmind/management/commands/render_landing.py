import io
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from PIL import Image

from providers import gateway

# Prompt, width, height, seed: the landing page's wall, in its order.
PICTURES = (
    ("Calm lake between misty mountains, golden sunrise", 1280, 800, 11),
    ("A red fox in a snowy pine forest at dawn", 1024, 768, 4),
    ("Lighthouse in a storm", 768, 1024, 31),
    ("Desert dunes under a field of stars", 1024, 768, 5),
    ("A sailing boat at sunset", 1024, 768, 3),
    ("Neon city skyline in the rain at night", 1280, 800, 21),
    ("Cherry blossom garden in spring", 768, 1024, 14),
    ("Layered paper-cut hills in autumn colours", 1024, 768, 8),
)


class Command(BaseCommand):
    help = "Paints the landing page's pictures anew with the built-in engine. Its output is committed."

    def handle(self, **options: Any) -> None:
        folder = Path(settings.BASE_DIR) / "static" / "img" / "landing"
        folder.mkdir(parents=True, exist_ok=True)
        for number, (prompt, width, height, seed) in enumerate(PICTURES, start=1):
            png = gateway.sample(prompt=prompt, width=width, height=height, seed=seed)
            with Image.open(io.BytesIO(png)) as picture:
                picture.thumbnail((960, 960), Image.Resampling.LANCZOS)
                picture.convert("RGB").save(folder / f"{number}.webp", "WEBP", quality=80, method=6)
            self.stdout.write(f"{number}.webp  {prompt}")
