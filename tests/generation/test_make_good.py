"""An incident made good: previewed, granted once for each job, whatever is asked again."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from core.errors import FieldsRejected
from credits import selectors
from generation import make_good
from generation.make_good import Window
from generation.models import Job, MadeGood
from tests.factories.accounts import make_person
from tests.factories.generation import submit, work_off

pytestmark = pytest.mark.django_db


@pytest.fixture
def failing(settings):
    """Two people whose jobs failed, and one whose did not."""
    settings.GENERATION_DIRECTIVES_OUTSIDE_SANDBOX = True
    people = [make_person(credits=100) for _ in range(3)]
    submit(people[0], prompt="[[fail:provider]] fox", n=2)
    submit(people[0], prompt="[[fail:provider]] fox")
    submit(people[1], prompt="[[fail:timeout]] fox")
    submit(people[2], prompt="a fox")
    work_off(rounds=20)
    return people


def window(percent=100, **more):
    now = timezone.now()
    return Window(now - timedelta(hours=1), now + timedelta(hours=1), percent, **more)


def apply(chosen, incident="INC-1"):
    return make_good.make_good(window=chosen, incident=incident, lifetime=timedelta(days=30), reason="Sorry",
                               actor="test", at=timezone.now())  # fmt: skip


class TestMakeGood:
    def test_previews_without_granting(self, failing):
        shares = make_good.preview(window())
        assert [(share.workspace_id, share.jobs, share.credits) for share in shares] == [
            (failing[0].workspace_id, 2, 15), (failing[1].workspace_id, 1, 5),
        ]  # fmt: skip
        assert [person.available() for person in failing] == [100, 100, 95]

    def test_grants_what_the_preview_said_once(self, failing):
        shown = make_good.preview(window())
        assert apply(window()) == shown
        assert [person.available() for person in failing] == [115, 105, 95]
        assert apply(window()) == apply(window(), "INC-2") == make_good.preview(window()) == []
        assert [person.available() for person in failing] == [115, 105, 95]
        assert selectors.violations() == []

    def test_adds_only_what_a_wider_window_finds(self, failing):
        apply(window(causes=["timed_out"]))
        assert [person.available() for person in failing] == [100, 105, 95]
        apply(window())
        assert [person.available() for person in failing] == [115, 105, 95]
        assert MadeGood.objects.count() == 3

    def test_rounds_a_part_of_a_credit_up(self, failing):
        assert [share.credits for share in make_good.preview(window(percent=10))] == [2, 1]

    def test_keeps_to_the_window_the_model_and_live_jobs(self, failing):
        long_ago = timezone.now() - timedelta(days=9)
        assert make_good.preview(Window(long_ago, long_ago + timedelta(days=1), 100)) == []
        assert make_good.preview(window(model="another")) == []
        assert len(make_good.preview(window(model="sketch-image"))) == 2
        Job.objects.update(sandbox=True)
        assert make_good.preview(window()) == []

    @pytest.mark.parametrize("percent", [0, 501])
    def test_refuses_a_share_out_of_bounds(self, percent):
        with pytest.raises(FieldsRejected):
            make_good.preview(window(percent))


class TestCommand:
    def run(self, capsys, *more):
        now = timezone.now()
        call_command("make_good", "--since", (now - timedelta(hours=1)).isoformat(), "--until",
                     (now + timedelta(hours=1)).isoformat(), "--incident", "INC-1", *more)  # fmt: skip
        return capsys.readouterr().out

    def test_previews_unless_it_is_told_to_apply(self, failing, capsys):
        assert "would grant 20 credits to 2 workspaces for 3 jobs" in self.run(capsys)
        assert failing[0].available() == 100
        assert "granted 20 credits to 2 workspaces for 3 jobs" in self.run(capsys, "--apply")
        assert "granted 0 credits to 0 workspaces for 0 jobs" in self.run(capsys, "--apply")
        assert failing[0].available() == 115

    def test_refuses_a_time_without_its_zone(self):
        with pytest.raises(CommandError, match="zone"):
            call_command("make_good", "--since", "2026-01-01", "--until", "2026-01-02", "--incident", "x")


class TestAdmin:
    def form(self, **more):
        now = timezone.now()
        since, until = now - timedelta(hours=1), now + timedelta(hours=1)
        return {
            "since_0": since.date(), "since_1": since.time(), "until_0": until.date(), "until_1": until.time(),
            "causes": list(make_good.CAUSES), "percent": 100, "days": 30, "incident": "INC-1", "reason": "Sorry",
            "model": "", **more,
        }  # fmt: skip

    def test_shows_the_preview_first_and_grants_from_there(self, failing):
        staff = make_person(staff=True).browser()
        url = reverse("admin:generation_madegood_window")
        shown = staff.post(url, self.form(preview="Preview")).content.decode()
        assert "20 credits to 2 workspaces for 3 jobs" in shown
        assert failing[0].available() == 100
        staff.post(url, self.form(apply="Grant"))
        assert failing[0].available() == 115

    def test_is_closed_to_others(self, person):
        assert person.browser().get(reverse("admin:generation_madegood_window")).status_code == 302
