"""What a call should cost before there is evidence."""

from providers import costs
from tests.providers.conformance.conftest import revision_of


def test_speech_is_estimated_by_its_length():
    assert costs.estimate(revision=revision_of("eleven-v4"), params={"text": "x" * 500}) == 40_000


def test_what_nobody_chose_is_estimated_as_the_model_takes_it():
    estimates = {
        quality: costs.estimate(revision=revision_of("gpt-image-2.5-flare"), params=params)
        for quality, params in {"unsaid": {"prompt": "a fox"}, "low": {"quality": "low"}}.items()
    }
    assert estimates == {"unsaid": 200 * 5 + 4_160 * 30, "low": 200 * 5 + 272 * 30}
