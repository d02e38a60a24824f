"""The contract, point by point, for every adapter (providers.md, E.6). A point that one has no use for says why."""

import json
import logging
import os
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema_rs
import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from PIL import Image

from generation.pipelines.registry import PLANNERS
from providers import gateway, results
from providers.contracts import Delivered, Handle, Refused, Running
from providers.errors import (
    AuthFailed,
    BadOutput,
    BadSignature,
    InvalidParams,
    Lost,
    ModelGone,
    Overloaded,
    ProviderError,
    ProviderFailed,
    QuotaExhausted,
    RateLimited,
    TransientBeforeSend,
    UnknownOutcome,
)
from tests.providers.conformance import inputs
from tests.providers.conformance.case import Case, Sample, cases
from tests.providers.conformance.conftest import Bench, revision_of

GOLDEN = Path(__file__).parent / "golden"
SAMPLES = [(case, sample) for case in cases() for sample in case.samples]
IDS = [f"{case.kind}-{sample.name}" for case, sample in SAMPLES]


def absent(bench: Bench, point: str) -> None:
    """Leaves a point out for an adapter that says why it has none."""
    if reason := bench.case.absent.get(point):
        pytest.skip(f"NOT APPLICABLE to {bench.case.kind}: {reason}")


def only(applies: object, why: str) -> None:
    if not applies:
        pytest.skip(f"NOT APPLICABLE: {why}")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_AGAIN_SECONDS", (0.01, 0.01, 0.01))


class Watched(dict[str, Any]):
    """Parameters that know which of them were read."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self.read.add(str(name))
        return super().__contains__(name)


def planned(slug: str, params: Mapping[str, Any], files: Any = ()) -> Any:
    return gateway.plan(revision=revision_of(slug), params=params, deadline=timezone.now(), inputs=files)


@pytest.mark.parametrize(("case", "sample"), SAMPLES, ids=IDS)
def test_01_a_plan_is_what_it_was(case: Case, sample: Sample) -> None:
    plan = planned(sample.slug, sample.params, sample.inputs)
    found = {
        "method": plan.method, "path": plan.path, "query": dict(plan.query), "encoding": plan.encoding,
        "headers": dict(plan.headers), "payload": plan.payload,
        "files": [[part.field, part.media.role] for part in plan.files],
        "notes": [[note.code, note.field, note.asked, note.used] for note in plan.notes],
    }  # fmt: skip
    path = GOLDEN / case.kind / f"{sample.name}.json"
    if os.environ.get("WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1, default=str, sort_keys=True) + "\n")
    assert json.loads(json.dumps(found, default=str)) == json.loads(path.read_text())


@pytest.mark.parametrize("slug", sorted({sample.slug for case in cases() for sample in case.samples}))
def test_02_every_valid_input_is_mapped_and_nothing_of_it_is_dropped(slug: str) -> None:
    schema = revision_of(slug).spec["input"]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(inputs.of(schema))
    def holds(given_input: dict[str, Any]) -> None:
        watched = Watched(_canonical(slug, given_input))
        try:
            plan = planned(slug, watched, _inputs_of(slug, given_input))
        except InvalidParams as refused:
            # What a schema cannot say is refused by name, before anything is held or sent.
            assert refused.field
            return
        noted = {note.field for note in plan.notes}
        asked = {name for name in given_input if name in watched}
        assert asked <= watched.read | noted | {"n", "operation"}
        json.dumps(plan.payload)

    holds()


def _canonical(slug: str, given_input: Mapping[str, Any]) -> dict[str, Any]:
    revision = revision_of(slug)
    if revision.pipeline not in PLANNERS:
        return dict(given_input)
    if "width" in given_input:
        given_input = {name: value for name, value in given_input.items() if name != "aspect_ratio"}
    return dict(PLANNERS[revision.pipeline](given=given_input, revision=revision).steps[0].params)


def _inputs_of(slug: str, given_input: Mapping[str, Any]) -> Any:
    return next(sample.inputs for case in cases() for sample in case.samples if sample.slug == slug)


def test_03_an_invalid_input_is_refused_before_anything_is_sent(bench: Bench) -> None:
    for sample in bench.case.samples:
        validator = jsonschema_rs.validator_for(dict(bench.revision(sample).spec["input"]))
        assert not validator.is_valid({"nonsense": True})
    with pytest.raises(InvalidParams):
        gateway.plan(
            revision=replace(bench.revision(), spec={**bench.revision().spec, "task": "dance"}),
            params={}, deadline=timezone.now(),
        )  # fmt: skip
    assert bench.server.calls == []


def test_04_a_submission_is_one_billable_request(bench: Bench) -> None:
    for sample in bench.case.samples:
        bench.server.reset()
        bench.finish(bench.submit(sample), sample)
        assert len(bench.server.billed) == 1, sample.name


def test_05_no_secret_gets_into_a_log_a_handle_or_an_error(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    words = [repr(bench.connection), str(bench.connection), repr(bench.ctx())]
    for fault in (None, *bench.case.auth, "server_error", "cut"):
        if fault:
            bench.server.fault(fault)
        try:
            outcome = bench.submit()
            words.append(repr(outcome))
        except ProviderError as exc:
            words += [repr(exc), str(exc), repr(exc.__cause__)]
    assert not [text for text in [*words, caplog.text] if bench.server.secret in text]


def test_06_a_result_is_what_was_asked_for(bench: Bench) -> None:
    for sample in bench.case.samples:
        outcome = bench.finish(bench.submit(sample), sample)
        assert isinstance(outcome, Delivered), sample.name
        artifact = outcome.artifacts[0]
        assert artifact.media_type == sample.media_type
        assert artifact.content
        if sample.media_type.startswith("image/"):
            picture = Image.open(BytesIO(artifact.content))
            picture.load()
            if "width" in sample.params and not planned(sample.slug, sample.params, sample.inputs).notes:
                assert picture.size == (sample.params["width"], sample.params["height"])


def test_07_one_call_asks_for_one_result(bench: Bench) -> None:
    assert all(bench.revision(sample).spec["capabilities"]["max_per_call"] == 1 for sample in bench.case.samples)
    assert len(bench.finish(bench.submit()).artifacts) == 1


def test_08_a_refusal_is_a_refusal_however_it_is_said(bench: Bench) -> None:
    absent(bench, "refusal")
    assert bench.case.refusals
    for fault in bench.case.refusals:
        bench.server.reset()
        bench.server.fault(fault)
        outcome = bench.finish(bench.submit())
        assert isinstance(outcome, Refused), fault
        assert outcome.categories
        assert len(bench.server.billed) == 1, fault


def test_09_a_rate_limit_says_how_long_to_wait(bench: Bench) -> None:
    absent(bench, "rate_limit")
    assert bench.case.waits
    for fault, seconds in bench.case.waits.items():
        bench.server.fault(fault)
        with pytest.raises(RateLimited) as limited:
            bench.submit()
        assert limited.value.retry_after_seconds == pytest.approx(seconds, abs=1.5 if seconds > 5 else 0.1), fault


def test_10_an_empty_account_is_no_rate_limit_and_a_wrong_key_is_neither(bench: Bench) -> None:
    absent(bench, "auth")
    case = bench.case
    for faults, kind in ((case.quota, QuotaExhausted), (case.auth, AuthFailed), (case.gone, ModelGone)):
        for fault in faults:
            bench.server.fault(fault)
            with pytest.raises(kind):
                bench.submit()


def test_11_an_overloaded_provider_took_nothing(bench: Bench) -> None:
    absent(bench, "overloaded")
    for fault in bench.case.overloaded:
        bench.server.fault(fault)
        with pytest.raises(Overloaded):
            bench.submit()
    bench.server.fault("server_error")
    # It may have been taken: only a provider that says otherwise is believed.
    with pytest.raises((UnknownOutcome, ProviderFailed)):
        bench.submit()


def test_12_a_closed_port_means_that_nothing_was_sent(bench: Bench) -> None:
    absent(bench, "wire")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = bench.elsewhere(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(TransientBeforeSend):
            nowhere.submit()


def test_13_a_cut_connection_leaves_the_outcome_unknown(bench: Bench) -> None:
    absent(bench, "wire")
    bench.server.fault("cut")
    with pytest.raises(UnknownOutcome):
        bench.submit()
    assert len(bench.server.billed) == 1


def test_13_an_answer_that_cannot_be_read_is_no_result_and_no_refusal(bench: Bench) -> None:
    absent(bench, "wire")
    bench.server.fault("bad_json")
    with pytest.raises((UnknownOutcome, BadOutput)):
        bench.finish(bench.submit())
    assert len(bench.server.billed) == 1


def test_14_a_lost_submission_is_found_or_proved_absent(bench: Bench) -> None:
    only(bench.case.finds, "this provider cannot be asked about a submission by our name for it")
    token = str(uuid4())
    bench.server.fault("cut_after")
    with pytest.raises(UnknownOutcome):
        bench.submit(token=token)
    found = bench.reconcile(token)
    assert isinstance(bench.finish(found), Delivered)
    assert len(bench.server.billed) == 1
    assert bench.reconcile(str(uuid4())) is None


def test_15_a_status_that_nobody_knows_means_still_running(bench: Bench) -> None:
    only(bench.case.asynchronous, "this provider answers at once")
    bench.server.seconds = 0.0
    accepted = bench.submit()
    bench.server.fault("odd_status")
    assert isinstance(bench.check(accepted.handle), Running)
    assert isinstance(bench.finish(accepted), Delivered)


def test_16_looking_may_fail_ten_times_without_harm(bench: Bench) -> None:
    only(bench.case.asynchronous, "this provider answers at once")
    accepted = bench.submit()
    bench.server.fault("poll_server_error", times=10)
    for _ in range(10):
        with pytest.raises((Overloaded, RateLimited, UnknownOutcome)):
            bench.check(accepted.handle)
    assert isinstance(bench.finish(accepted), Delivered)
    assert len(bench.server.billed) == 1


def test_17_work_that_never_ends_is_running_until_somebody_cancels_it(bench: Bench) -> None:
    only(bench.case.asynchronous, "this provider answers at once")
    bench.server.seconds = 3_600.0
    accepted = bench.submit()
    assert all(isinstance(bench.check(accepted.handle), Running) for _ in range(3))
    answer = bench.cancel(accepted.handle)
    assert answer == bench.case.cancels


def test_18_a_cancel_says_what_came_of_it(bench: Bench) -> None:
    only(bench.case.asynchronous, "this provider answers at once")
    accepted = bench.submit()
    bench.finish(accepted)
    late = bench.cancel(accepted.handle)
    assert late in {"too_late", "unsupported"}


def test_19_a_job_that_the_provider_forgot_is_lost(bench: Bench) -> None:
    only(bench.case.asynchronous, "this provider answers at once")
    accepted = bench.submit()
    bench.server.works.clear()
    with pytest.raises(Lost):
        bench.check(accepted.handle)


def test_20_a_webhook_is_believed_only_with_its_signature_and_in_its_time(bench: Bench) -> None:
    now = timezone.now()
    if bench.case.sign is None:
        with pytest.raises(BadSignature):
            bench.adapter.verify_webhook(bench.connection, {}, b"{}", now)
        return
    signed = bench.case.sign(bench.server, "op-1", now)
    bench.adapter.verify_webhook(bench.connection, signed.headers, signed.body, now)
    # Again and late is no harm: it only makes us look.
    bench.adapter.verify_webhook(bench.connection, signed.headers, signed.body, now + timedelta(seconds=60))
    for headers, body, at in (
        (signed.headers, signed.body + b" ", now),
        ({}, signed.body, now),
        (signed.headers, signed.body, now + timedelta(days=1)),
    ):
        with pytest.raises(BadSignature):
            bench.adapter.verify_webhook(bench.connection, headers, body, at)
    stranger = replace(bench.connection, options={**bench.connection.options, **bench.case.stranger})
    with pytest.raises(BadSignature):
        bench.adapter.verify_webhook(stranger, signed.headers, signed.body, now)


def test_21_a_webhook_names_the_operation_so_that_a_lost_answer_is_adopted(bench: Bench) -> None:
    only(bench.case.sign, "this provider calls nobody")
    only(bench.case.asynchronous, "this provider answers at once")
    accepted = bench.submit()
    operation = next(iter(bench.server.works))
    signed = bench.case.sign(bench.server, operation, timezone.now())
    handle = gateway.verify_webhook(
        revision=bench.revision(), connection=bench.connection, headers=signed.headers, body=signed.body,
        at=timezone.now(),
    )  # fmt: skip
    assert isinstance(handle, Handle)
    assert isinstance(bench.finish(Running(handle, 0.0)), Delivered)
    assert accepted.handle.data.items() >= handle.data.items()


def test_22_results_are_fetched_from_where_they_may_lie_and_without_our_key(bench: Bench) -> None:
    only(bench.case.fetched, "results come within the answer, or from the provider itself")
    accepted = bench.finish(bench.submit())
    assert isinstance(accepted, Delivered)
    fetches = [call for call in bench.server.calls if call.path.startswith(bench.case.keeps_at)]
    assert fetches
    bench.server.always("file_redirect")
    with pytest.raises(BadOutput):
        bench.finish(bench.submit())
    bench.server.reset()
    if "foreign_host" in bench.case.absent:
        return
    bench.server.always("foreign_host")
    with pytest.raises(BadOutput, match="where this provider keeps none"):
        bench.finish(bench.submit())


def test_23_a_file_that_is_something_else_is_no_result(bench: Bench) -> None:
    only(not bench.case.first.media_type.startswith("text/"), "a text is a text")
    bench.server.always("wrong_mime")
    with pytest.raises(BadOutput):
        bench.finish(bench.submit())


def test_24_a_file_that_is_not_there_yet_is_asked_for_again(bench: Bench) -> None:
    only(bench.case.fetched, "results come within the answer, or from the provider itself")
    accepted = bench.submit()
    bench.server.fault("file_404", times=2)
    assert isinstance(bench.finish(accepted), Delivered)


def test_25_cost_is_the_providers_evidence_or_flagged_as_an_estimate(bench: Bench) -> None:
    for sample in bench.case.samples:
        if sample.cost_usd_micros is None:
            continue
        outcome = bench.finish(bench.submit(sample), sample)
        assert (outcome.usage.cost_usd_micros, outcome.usage.source) == (sample.cost_usd_micros, sample.cost_source)
        if sample.cost_source in {"usage", "provider"} and "no_usage" not in bench.case.absent:
            bench.server.always("no_usage")
            unsaid = bench.finish(bench.submit(sample), sample)
            assert unsaid.usage.source in {"estimate", "formula"}
            bench.server.reset()


def test_26_a_handle_is_small_json_without_secrets_and_outlives_the_process(bench: Bench) -> None:
    only(bench.case.asynchronous, "this provider answers at once")
    accepted = bench.submit()
    text = json.dumps({"version": accepted.handle.version, "data": dict(accepted.handle.data)})
    assert len(text) < 4_096
    assert bench.server.secret not in text
    assert accepted.handle.version == bench.adapter.wire_version
    # `check` goes by what the table has.
    assert isinstance(bench.finish(accepted), Delivered)


def test_27_a_clock_that_is_off_changes_nothing(bench: Bench, time_machine: Any) -> None:
    absent(bench, "clock")
    time_machine.move_to(timezone.now() + timedelta(minutes=10))
    assert isinstance(bench.finish(bench.submit()), Delivered)


@pytest.mark.parametrize("prompt", ["狐 🦊", "ثعلب في الثلج", "a\u200bfox", "x" * 3_000, 'quotes " and \\ and \n'])
def test_28_words_arrive_as_they_were_written(bench: Bench, prompt: str) -> None:
    absent(bench, "words")
    name = next((name for name in ("prompt", "text", "lyrics") if name in bench.case.first.params), None)
    only(name, "this request has no words of one field")
    assert isinstance(bench.finish(bench.submit(**{str(name): prompt})), Delivered)
    sent = bench.server.billed[-1]
    assert any(isinstance(value, str) and prompt in value for value in _leaves(sent.body))


def _leaves(body: Any) -> list[Any]:
    if isinstance(body, dict):
        return [leaf for value in body.values() for leaf in _leaves(value)]
    if isinstance(body, list):
        return [leaf for value in body for leaf in _leaves(value)]
    return [body]


def test_29_fifty_at_once_do_not_mix(bench: Bench) -> None:
    with ThreadPoolExecutor(50) as pool:
        outcomes = list(pool.map(lambda _: bench.finish(bench.submit(), looks=500), range(50)))
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    assert len(bench.server.billed) == 50


def test_30_the_request_is_the_official_clients(bench: Bench) -> None:
    wires = Path(__file__).parent / "wires" / f"{bench.case.kind}.json"
    only(wires.exists(), "no official client was recorded for this adapter")
    recorded = json.loads(wires.read_text())
    for sample in bench.case.samples:
        if sample.name not in recorded:
            continue
        bench.server.reset()
        bench.submit(sample)
        sent, theirs = bench.server.billed[0], recorded[sample.name]
        assert (sent.method, sent.path) == (theirs["method"], theirs["path"])
        body = sent.body if isinstance(sent.body, dict) else {}
        assert {*body, *(part[0] for part in sent.files)} <= set(theirs["body"]), "a key that the client does not know"
        assert set(theirs["required_headers"]) <= {name.lower() for name in sent.headers}
