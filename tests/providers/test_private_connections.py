"""A workspace's own account or server: its work goes there and nowhere else, and nobody else's does."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.errors import FieldsRejected, NotFound
from core.ids import to_public
from core.secrets import Secret
from credits import selectors as credits_of
from generation.models import Attempt
from providers import connecting, connections
from providers.connecting import Draft
from providers.models import Connection
from tests.flows.test_fallback import finished, order
from tests.providers.servers import serving
from tests.providers.servers.openai import OpenAIServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def loopback(settings):
    """The operator lets workspaces reach servers on this machine."""
    settings.OUTBOUND_PRIVATE_NETWORKS = ["127.0.0.1/32"]


@pytest.fixture
def theirs():
    with serving(OpenAIServer()) as server:
        yield server


def connect(person, server, *, secret=None, **more):
    draft = Draft(
        kind="openai", name="ours", base_url=f"{server.url}/v1", secret=Secret(secret or server.secret), **more
    )
    return connecting.save(
        draft=draft, workspace_id=person.workspace_id, actor="test", at=timezone.now(),
    )  # fmt: skip


class TestWork:
    def test_goes_over_it_for_a_part_of_the_price_and_is_on_no_bill_of_ours(self, person, houses, theirs, loopback):
        connect(person, theirs)
        job = finished(order(person))
        assert (job.state, job.quoted, job.captured) == ("succeeded", 1, 1)
        assert len(theirs.billed) == 1
        assert houses.first.calls == []
        attempt = Attempt.objects.get(step__job=job)
        assert (attempt.cost_usd_micros, attempt.cost_source) == (0, "own")

    def test_of_others_does_not(self, person, stranger, houses, theirs, loopback):
        connect(person, theirs)
        job = finished(order(stranger))
        assert (job.state, job.captured) == ("succeeded", 10)
        assert theirs.billed == []

    def test_is_not_made_on_the_operators_account_when_it_fails(self, person, houses, theirs, loopback):
        connect(person, theirs)
        theirs.always("unauthorized")
        job = finished(order(person))
        assert (job.state, job.captured) == ("failed", 0)
        assert houses.first.calls == houses.cousin.calls == []

    def test_that_was_quoted_for_it_buys_nothing_on_the_operators_account(self, person, houses, theirs, loopback):
        view = connect(person, theirs)
        api = person.api()
        body = {"pipeline": "image", "model": "painter", "input": {"prompt": "a fox"}}
        quote = api.post("/quotes", body).json()
        assert quote["total_credits"] == 1
        connecting.remove(
            connection_id=view.id, workspace_id=person.workspace_id, actor="test", at=timezone.now()
        )  # fmt: skip
        answer = api.post("/generations", {**body, "quote_id": quote["id"]})
        assert (answer.status_code, answer.json()["code"]) == (409, "quote_expired")

    def test_that_waits_for_one_that_was_removed_is_never_made_elsewhere(self, person, houses, theirs, loopback):
        view = connect(person, theirs)
        job_id = order(person, deadline_seconds=1)
        connecting.remove(
            connection_id=view.id, workspace_id=person.workspace_id, actor="test", at=timezone.now()
        )  # fmt: skip
        job = finished(job_id)
        assert (job.state, job.captured) == ("failed", 0)
        assert houses.first.calls == []
        assert credits_of.violations() == []


class TestSave:
    @pytest.mark.parametrize(
        "url",
        ["http://127.0.0.1:5432/v1", "http://localhost/v1", "https://127.1/v1", "https://[::1]/v1",
         "https://169.254.169.254/latest", "https://[::ffff:10.0.0.1]/", "ftp://example.com", "https://me@example.com",
         "https://0x7f.1/", "http://example.com/v1", "https://2130706433/"],
    )  # fmt: skip
    def test_refuses_addresses_that_are_not_a_workspaces_to_call(self, person, houses, url):
        with pytest.raises(FieldsRejected) as refused:
            connecting.save(
                draft=Draft(kind="openai", name="x", base_url=url, secret=Secret("s" * 20)),
                workspace_id=person.workspace_id, actor="test", at=timezone.now(),
            )  # fmt: skip
        assert refused.value.extra["errors"][0]["field"] == "base_url"
        assert not Connection.objects.filter(workspace_id=person.workspace_id).exists()

    def test_asks_the_provider_first(self, person, houses, theirs, loopback):
        with pytest.raises(FieldsRejected, match="did not answer: status 401"):
            connect(person, theirs, secret="sk-" + "wrong" * 5)
        assert not Connection.objects.filter(workspace_id=person.workspace_id).exists()

    def test_keeps_the_secret_sealed(self, person, houses, theirs, loopback):
        view = connect(person, theirs)
        row = Connection.objects.get(id=view.id)
        assert theirs.secret.encode() not in bytes(row.sealed_secret)
        assert view.secret_hint == f"…{theirs.secret[-4:]}"
        connections.forget()
        assert connections.get(view.id, kind="openai").secret.reveal() == theirs.secret

    def test_wants_the_secret_again_for_another_address(self, person, houses, theirs, loopback):
        view = connect(person, theirs)
        with serving(OpenAIServer()) as elsewhere:
            moved = Draft(kind="openai", name="ours", base_url=f"{elsewhere.url}/v1")
            with pytest.raises(FieldsRejected, match="give the secret again"):
                connecting.save(
                    draft=moved, workspace_id=person.workspace_id, connection_id=view.id, actor="test",
                    at=timezone.now(),
                )  # fmt: skip
            assert elsewhere.calls == []

    def test_of_somebody_elses_is_not_found(self, person, stranger, houses, theirs, loopback):
        view = connect(person, theirs)
        with pytest.raises(NotFound):
            connecting.test(connection_id=view.id, workspace_id=stranger.workspace_id, at=timezone.now())


class TestPage:
    def test_makes_tests_and_removes_one_and_never_shows_the_key(self, person, houses, theirs, loopback):
        browser = person.browser()
        form = {"kind": "openai", "name": "Ours", "base_url": f"{theirs.url}/v1", "secret": theirs.secret}
        assert browser.post("/settings/connections", form).status_code == 302
        page = browser.get("/settings/connections").content.decode()
        assert "Ours" in page
        assert theirs.secret not in page
        row = Connection.objects.get(workspace_id=person.workspace_id)
        name = to_public("con", row.id)
        assert browser.post(f"/settings/connections/{name}/test").status_code == 302
        assert browser.post(f"/settings/connections/{name}/remove").status_code == 302
        assert not Connection.objects.filter(id=row.id).exists()

    def test_says_what_is_wrong_at_the_field(self, person, houses):
        page = person.browser().post(
            "/settings/connections", {"kind": "openai", "name": "x", "base_url": "http://10.0.0.1/", "secret": "s" * 20}
        )  # fmt: skip
        assert "may not be called from here" in page.content.decode()

    def test_is_for_those_who_run_the_workspace(self, person, stranger):
        assert stranger.browser().post(f"/settings/connections/con_{'0' * 26}/remove").status_code == 404


def test_the_environment_makes_the_operators(db, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-" + "a" * 20)
    now = timezone.now()
    assert connections.sync(at=now) == ["connect openai"]
    (found,) = connections.serving("openai")
    assert found.base_url == "https://api.openai.com/v1"
    assert found.secret.reveal() == "sk-" + "a" * 20
    assert connections.sync(at=now) == []
    monkeypatch.delenv("OPENAI_API_KEY")
    assert connections.sync(at=now + timedelta(seconds=1)) == ["pause openai"]
    assert connections.serving("openai") == []
