"""What the suite cannot know of Replicate."""

from dataclasses import replace
from uuid import uuid4

import pytest

from providers import http
from providers.adapters.replicate import reading
from providers.contracts import Delivered, Done, Refused, Running
from providers.errors import DeadlinePassed, ProviderFailed, UnknownOutcome
from tests.providers.adapters.bench import beside
from tests.providers.conformance.conftest import run


@pytest.fixture
def bench():
    with beside("replicate") as found:
        yield found


class TestALostPrediction:
    def test_is_found_on_a_later_page(self, bench):
        bench.server.page_size = 2
        token = str(uuid4())
        bench.submit(token=token)
        for _ in range(5):
            bench.submit()
        assert isinstance(bench.finish(bench.reconcile(token)), Delivered)

    def test_is_not_taken_for_absent_where_the_list_names_no_webhooks(self, bench):
        bench.server.lists_webhooks = False
        token = str(uuid4())
        bench.submit(token=token)
        with pytest.raises(UnknownOutcome):
            bench.reconcile(token)

    def test_cannot_be_looked_for_from_a_site_without_https(self):
        with beside("replicate", site="http://localhost:8000") as bench:
            bench.submit(token="t-1")
            assert "webhook" not in bench.server.billed[0].body
            with pytest.raises(UnknownOutcome):
                bench.reconcile("t-1")

    def test_is_not_looked_for_where_the_provider_sends_us_elsewhere(self, bench, monkeypatch):
        bench.submit()
        true_call = http.call

        async def elsewhere(method, url, **more):
            assert url.startswith(bench.server.url)
            reply = await true_call(method, url, **more)
            return replace(reply, body=reply.body.replace(b'"next": null', b'"next": "https://evil.example/v1"'))

        monkeypatch.setattr(http, "call", elsewhere)
        with pytest.raises(UnknownOutcome, match="elsewhere"):
            bench.reconcile("not-there")


class TestAFile:
    def test_that_is_large_is_uploaded_and_a_small_one_lies_in_the_request(self, bench):
        edit = next(sample for sample in bench.case.samples if sample.params.get("operation") == "edit")
        bench.submit(edit)
        (small,) = bench.server.billed
        assert [address[:22] for address in small.body["input"]["input_images"]] == ["data:image/png;base64,"] * 2

        async def large(media):
            return b"\x89PNG\r\n\x1a\n" + b"\0" * 300_000

        bench.server.reset()
        ctx = replace(bench.ctx(), read=large)
        plan = bench.adapter.plan(bench.revision(edit), _request(edit))
        run(_closing(bench.adapter.submit(ctx, plan, "t-1")))
        assert [call.path for call in bench.server.calls] == ["/v1/files", "/v1/files", _PATH]
        sent = bench.server.billed[0].body["input"]["input_images"]
        assert all(address.startswith(f"{bench.server.url}/files/") for address in sent)
        assert len(bench.server.billed) == 1


class TestAnEnd:
    def test_is_told_by_when_nobody_waits_any_longer(self, bench):
        bench.submit()
        sent = bench.server.billed[0].headers["Cancel-After"]
        assert 295 <= int(sent.removesuffix("s")) <= 300

    def test_before_it_began_is_the_deadline_and_no_failure(self, bench):
        bench.server.fault("aborted")
        with pytest.raises(DeadlinePassed):
            bench.finish(bench.submit())

    def test_by_a_fault_there_is_no_refusal(self, bench):
        bench.server.fault("failed")
        with pytest.raises(ProviderFailed) as failed:
            bench.finish(bench.submit())
        assert failed.value.provider_code == "E1001"

    def test_in_words_of_one_model_alone_is_a_refusal_by_its_catalogue_file(self):
        body = {"id": "p", "status": "failed", "error": "This looks like somebody famous"}
        with pytest.raises(ProviderFailed):
            reading.outcome(body, version=1, kept={})
        assert isinstance(reading.outcome(body, version=1, kept={"refused_when": ["famous"]}), Refused)


@pytest.mark.parametrize(
    ("output", "kept", "found"),
    [
        ("https://x.replicate.delivery/a.png", {"media_type": "image/png"}, ["https://x.replicate.delivery/a.png"]),
        (["https://a/1", "https://a/2"], {"media_type": "image/png"}, ["https://a/1", "https://a/2"]),
        ({"mask": "https://a/m", "image": "https://a/i"}, {"output": "image"}, ["https://a/i"]),
        ({"score": 3, "files": ["https://a/f"]}, {}, ["https://a/f"]),
    ],
)
def test_an_output_may_be_a_text_a_list_or_an_object(output, kept, found):
    done = reading.outcome({"id": "p", "status": "succeeded", "output": output}, version=1, kept=kept)
    assert isinstance(done, Done)
    assert [artifact.url for artifact in done.artifacts] == found


def test_words_that_come_in_pieces_are_one_text():
    body = {"id": "p", "status": "succeeded", "output": ["The ", "fox ", "https://sleeps"]}
    done = reading.outcome(body, version=1, kept={"media_type": "text/plain"})
    assert done.artifacts[0].content == b"The fox https://sleeps"


def test_progress_is_read_from_the_log():
    running = reading.outcome({"id": "p", "status": "processing", "logs": " 10%|# | 1/9\n 40%|#### | 4/9"}, version=1,
                              kept={})  # fmt: skip
    assert isinstance(running, Running)
    assert running.progress == 0.4


_PATH = "/v1/models/black-forest-labs/flux-2-pro/predictions"


def _request(sample):
    from django.utils import timezone

    from providers.contracts import CanonicalRequest

    return CanonicalRequest("image_edit", sample.params, timezone.now(), sample.inputs)


async def _closing(work):
    try:
        return await work
    finally:
        await http.close()
