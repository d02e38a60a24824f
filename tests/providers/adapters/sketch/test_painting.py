import re
import time
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from providers.adapters.sketch.painting import STYLES, Painting, paint

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"
PAINTED = tuple(style for style in STYLES if style != "auto")


def picture_of(painting: Painting) -> Image.Image:
    return Image.open(BytesIO(painting.png))


def distance(first: Painting, second: Painting) -> float:
    """Return the mean difference of two pictures, 0 to 255."""
    pixels = [np.asarray(picture_of(painting).convert("RGB"), np.int16) for painting in (first, second)]
    return float(np.abs(pixels[0] - pixels[1]).mean())


class TestPaint:
    @pytest.mark.parametrize("style", PAINTED)
    def test_gives_the_same_bytes_for_the_same_words_and_seed(self, style: str) -> None:
        first, again = (paint(prompt="a fox by the sea", seed=5, width=200, height=160, style=style) for _ in range(2))

        assert first == again

    @pytest.mark.parametrize("style", PAINTED)
    def test_gives_another_picture_for_another_seed(self, style: str) -> None:
        first, second = (paint(prompt="tea", seed=seed, width=192, height=192, style=style) for seed in (1, 2))

        assert distance(first, second) > 5

    @pytest.mark.parametrize("style", PAINTED)
    def test_gives_another_picture_for_other_words(self, style: str) -> None:
        first, second = (paint(prompt=words, seed=1, width=192, height=192, style=style) for words in ("joy", "rest"))

        assert distance(first, second) > 5

    @pytest.mark.parametrize("style", PAINTED)
    @pytest.mark.parametrize("size", [(64, 64), (65, 113), (256, 64), (64, 256), (333, 200)])
    def test_has_the_size_that_was_asked_for(self, style: str, size: tuple[int, int]) -> None:
        painting = paint(prompt="a lighthouse at night", seed=-4, width=size[0], height=size[1], style=style)

        assert (painting.width, painting.height) == size
        assert picture_of(painting).size == size
        assert picture_of(painting).mode == "RGB"

    @pytest.mark.parametrize("size", [(2048, 512), (512, 2048)])
    def test_holds_out_at_the_widest_and_the_tallest_format(self, size: tuple[int, int]) -> None:
        painting = paint(prompt="mountains", seed=1, width=size[0], height=size[1])

        assert picture_of(painting).size == size

    @pytest.mark.parametrize("style", PAINTED)
    def test_is_a_picture_and_not_an_empty_sheet(self, style: str) -> None:
        painting = paint(prompt="", seed=9, width=256, height=256, style=style)

        pixels = np.asarray(picture_of(painting).convert("L"), np.float32)
        assert pixels.std() > 8
        assert painting.style == style

    @pytest.mark.parametrize("style", PAINTED)
    def test_names_the_colours_it_was_painted_with(self, style: str) -> None:
        painting = paint(prompt="colour", seed=1, width=96, height=96, style=style)

        assert len(painting.palette) >= 3
        assert all(re.fullmatch(r"#[0-9a-f]{6}", colour) for colour in painting.palette)

    @pytest.mark.parametrize("style", STYLES)
    def test_reports_rising_progress_that_ends_at_one(self, style: str) -> None:
        shares: list[float] = []

        paint(prompt="a red fox in snow", seed=1, width=96, height=96, style=style, on_progress=shares.append)

        assert len(shares) >= 5
        assert shares[0] > 0
        assert shares[-1] == 1.0
        assert all(later > earlier for earlier, later in pairwise(shares))

    def test_says_in_the_file_that_it_was_made_by_an_algorithm(self) -> None:
        text = picture_of(paint(prompt="a boat", seed=1, width=96, height=96)).info

        assert f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}<" in text["XML:com.adobe.xmp"]
        assert text["Software"] == "Wildmind sketch engine (procedural, not AI)"

    def test_leaves_the_words_out_of_the_file(self) -> None:
        painting = paint(prompt="zanzibar-secret-recipe", seed=1, width=96, height=96)

        assert b"zanzibar" not in painting.png
        assert not any("zanzibar" in part for part in str(picture_of(painting).info).split())

    @pytest.mark.parametrize(
        "prompt",
        ["", "\x00", "🦊🌙", "\ud800 lone", "ﷺ شعر 山水", "sunset " * 15_000, "</x:xmpmeta>"],
        ids=["empty", "nul", "emoji", "surrogate", "scripts", "100 KB", "markup"],
    )
    def test_takes_any_words(self, prompt: str) -> None:
        painting = paint(prompt=prompt, seed=2**80, width=96, height=96)

        assert picture_of(painting).size == (96, 96)

    @pytest.mark.parametrize(
        ("prompt", "style"),
        [
            ("a red fox in snow", "fable"),
            ("misty mountains at dawn", "range"),
            ("a sailing boat at sunset", "shore"),
            ("neon city at night in rain", "city"),
            ("desert dunes under stars", "dunes"),
            ("cherry blossom garden", "bloom"),
            ("deep space nebula", "cosmos"),
            ("minimalist coffee cup product shot", "still"),
            ("Bauhaus poster", "geometric"),
            ("a paper-cut forest, papercut layers", "papercut"),
        ],
    )
    def test_paints_what_the_words_name(self, prompt: str, style: str) -> None:
        assert paint(prompt=prompt, seed=1, width=64, height=64).style == style

    def test_takes_colour_words_into_the_picture(self) -> None:
        red, teal = (
            np.asarray(
                picture_of(paint(prompt=f"{word} mountains", seed=3, width=128, height=128, style="range")), np.float32
            ).mean(axis=(0, 1))
            for word in ("red", "teal")
        )

        assert red[0] - red[2] > teal[0] - teal[2] + 15

    def test_refuses_a_style_it_does_not_have(self) -> None:
        with pytest.raises(ValueError, match="no style"):
            paint(prompt="", seed=1, width=64, height=64, style="oil")

    @pytest.mark.parametrize("size", [(63, 64), (64, 2049), (0, 100)])
    def test_refuses_a_size_outside_its_limits(self, size: tuple[int, int]) -> None:
        with pytest.raises(ValueError, match="64 to 2048"):
            paint(prompt="", seed=1, width=size[0], height=size[1])

    @pytest.mark.parametrize("style", PAINTED)
    def test_stays_quick_and_small_at_full_size(self, style: str) -> None:
        started = time.process_time()

        painting = paint(prompt="neon rain over the snowy forest lake", seed=1, width=1024, height=1024, style=style)

        assert time.process_time() - started < 3
        assert len(painting.png) < 2_000_000
