"""What the suite cannot know of Runway."""

from dataclasses import replace

import pytest

from providers import gateway
from providers.contracts import Delivered, Refused, Running
from providers.errors import InvalidParams, ProviderFailed
from tests.providers.adapters.bench import beside
from tests.providers.conformance.conftest import revision_of, run


@pytest.fixture
def bench():
    with beside("runway") as found:
        yield found


def _sample(bench, name):
    return next(sample for sample in bench.case.samples if sample.name == name)


class TestATask:
    def test_that_waits_for_its_turn_runs(self, bench):
        bench.server.fault("throttled")
        accepted = bench.submit()
        assert isinstance(bench.check(accepted.handle), Running)
        assert isinstance(bench.finish(accepted), Delivered)
        assert len(bench.server.billed) == 1

    def test_is_looked_at_every_five_seconds_and_not_by_all_at_once(self, bench):
        pauses = {bench.submit().poll_after_seconds for _ in range(3)}
        assert all(5.0 <= pause <= 6.0 for pause in pauses)
        assert len(pauses) > 1

    def test_that_was_refused_costs_what_runway_says(self, bench):
        bench.server.fault("refused_output")
        refused = bench.finish(bench.submit())
        assert isinstance(refused, Refused)
        assert (refused.stage, refused.spent.usd_micros) == ("output", 5 * 360_000)

    def test_that_came_out_badly_may_be_tried_again(self, bench):
        bench.server.fault("failed")
        with pytest.raises(ProviderFailed) as failed:
            bench.finish(bench.submit())
        assert failed.value.provider_code == "INTERNAL.BAD_OUTPUT.CODE01"

    def test_whose_file_it_cannot_use_is_the_persons_to_mend(self, bench):
        bench.server.fault("bad_asset")
        with pytest.raises(InvalidParams):
            bench.finish(bench.submit())

    def test_that_is_done_keeps_its_result_when_somebody_cancels_late(self, bench):
        accepted = bench.submit()
        bench.finish(accepted)
        assert run(gateway.cancel(ctx=bench.ctx(), revision=bench.revision(), handle=accepted.handle)) == "too_late"
        assert [call.method for call in bench.server.calls if call.method == "DELETE"] == []
        assert isinstance(bench.finish(accepted), Delivered)


class TestARequest:
    def test_is_of_the_version_that_the_operator_names(self, bench):
        bench.connection = replace(bench.connection, options={"version": "2027-01-01"})
        with pytest.raises(InvalidParams):
            bench.submit()
        assert bench.server.calls[0].headers["X-Runway-Version"] == "2027-01-01"

    def test_is_counted_in_units_of_utf_16(self):
        film = {"prompt": "🦊" * 501, "duration_s": 5}
        with pytest.raises(InvalidParams) as refused:
            gateway.plan(revision=revision_of("runway-gen-4.5"), params=film, deadline=None)
        assert refused.value.field == "prompt"
        gateway.plan(revision=revision_of("runway-gen-4.5"), params={**film, "prompt": "🦊" * 500}, deadline=None)

    def test_of_words_alone_has_fewer_shapes_than_one_with_a_picture(self, bench):
        film = {"prompt": "a fox", "duration_s": 5, "aspect_ratio": "1:1"}
        with pytest.raises(InvalidParams) as refused:
            gateway.plan(revision=revision_of("runway-gen-4.5"), params=film, deadline=None)
        assert refused.value.field == "aspect_ratio"
        animated = _sample(bench, "runway-gen-4.5-animate")
        plan = gateway.plan(revision=revision_of("runway-gen-4.5"), params=film, deadline=None, inputs=animated.inputs)
        assert (plan.path, plan.payload["ratio"]) == ("/v1/image_to_video", "960:960")

    def test_for_an_advert_needs_a_product(self):
        with pytest.raises(InvalidParams) as refused:
            gateway.plan(revision=revision_of("runway-product-ad"), params={"prompt": "calm"}, deadline=None)
        assert refused.value.field == "input"

    def test_with_a_file_too_large_to_send_is_refused_before_it_costs(self, bench):
        advert = _sample(bench, "runway-product-ad-generate")
        large = tuple(replace(media, size_bytes=4_000_000) for media in advert.inputs)
        with pytest.raises(InvalidParams) as refused:
            gateway.plan(revision=revision_of(advert.slug), params=advert.params, deadline=None, inputs=large)
        assert refused.value.field == "input"

    def test_shows_the_pictures_of_a_product_as_runway_wants_them(self, bench):
        advert = _sample(bench, "runway-product-ad-generate")
        bench.submit(advert)
        body = bench.server.billed[0].body
        assert [list(item) for item in (*body["productImages"], *body["styleImages"])] == [["uri"], ["uri"]]
