from tests.providers.conformance.case import Case, Sample, picture
from tests.providers.servers.stability import StabilityServer

_IMAGE = {"prompt": "a fox", "width": 1024, "height": 1024, "seed": 7, "style": "auto"}
_ONE = (picture(),)
_MASKED = (picture(), picture("mask"))


def _formula(slug, params, inputs=(), *, cents, variant="", media_type="image/png"):
    """What the provider takes is a list of whole cents; its answers say nothing of it."""
    return Sample(slug, params, media_type, inputs, cost_usd_micros=int(cents * 10_000), cost_source="formula",
                  variant=variant)  # fmt: skip


_ANSWERS = {
    "waits": {"rate_limited": 60.0, "rate_limited_told": 7.0}, "quota": ("quota",),
    "auth": ("unauthorized", "forbidden"), "invalid": ("invalid", "too_large", "unprocessable"),
}  # fmt: skip
CASES = [
    Case(
        kind="stability",
        server=StabilityServer,
        samples=(
            _formula("stable-image-ultra", _IMAGE, cents=8),
            _formula("stable-image-core", {**_IMAGE, "style": "anime", "negative_prompt": "rain"}, cents=3),
            _formula("sd-3.5-large", {**_IMAGE, "format": "png"}, cents=6.5),
            _formula("stable-image-ultra", {**_IMAGE, "operation": "edit", "strength": 0.4}, _ONE, cents=8),
            _formula("sd-3.5-large", {**_IMAGE, "operation": "edit"}, _ONE, cents=6.5),
            _formula("stable-image-edit", {"edit": "inpaint", "prompt": "a hat", "seed": 3}, _MASKED, cents=5,
                     variant="inpaint"),
            _formula("stable-image-edit", {"edit": "erase"}, _MASKED, cents=5, variant="erase"),
            _formula("stable-image-edit", {"edit": "outpaint", "left": 100, "down": 50}, _ONE, cents=5,
                     variant="outpaint"),
            _formula("stable-image-edit", {"edit": "search_and_replace", "prompt": "a cat", "search_prompt": "the fox"},
                     _ONE, cents=5, variant="search_and_replace"),
            _formula("stable-image-edit", {"operation": "remove_background"}, _ONE, cents=5),
            _formula("stable-image-upscale", {"operation": "upscale", "quality": "fast"}, _ONE, cents=2,
                     variant="fast"),
            _formula("stable-image-upscale", {"operation": "upscale", "quality": "conservative", "prompt": "a fox"},
                     _ONE, cents=40, variant="conservative"),
            _formula("stable-audio-2.5", {"prompt": "calm piano", "duration_s": 30, "seed": 5}, cents=20,
                     media_type="audio/mpeg"),
        ),
        refusals=("refused_4xx", "filtered", "empty"),
        **_ANSWERS,
    ),
    # The same provider where it answers later.
    Case(
        kind="stability",
        server=StabilityServer,
        samples=(
            _formula("stable-image-upscale", {"operation": "upscale", "quality": "creative", "prompt": "a fox"}, _ONE,
                     cents=60, variant="creative"),
            _formula("stable-image-relight", {"prompt": "a beach", "light_direction": "left", "light_strength": 0.5},
                     _ONE, cents=8, variant="relight"),
        ),
        asynchronous=True,
        refusals=("refused_4xx", "filtered", "empty"),
        **_ANSWERS,
    ),
]  # fmt: skip
