"""Plans: adding, changing, assigning and overriding them, by verb, command and admin."""

from uuid import uuid4

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import plans
from accounts.models import AuditEvent, Entitlement, Plan
from accounts.plans import Terms
from core.errors import FieldsRejected, NotFound, UnknownField
from tests.factories.accounts import make_person

pytestmark = pytest.mark.django_db
LIMITS = {"lane": "pro", "weight": 2, "max_running": 8, "max_queued": 50}


def save(**terms):
    plans.save(terms=Terms(**{"slug": "team", "name": "Team", "limits": LIMITS, **terms}), actor="t", at=timezone.now())


def assign(person, plan):
    return plans.assign(workspace_id=person.workspace_id, plan=plan, actor="t", at=timezone.now())


class TestSync:
    def test_adds_what_is_absent_as_the_file_says(self):
        Plan.objects.all().delete()
        assert plans.sync(at=timezone.now()) == ["free", "pro", "enterprise"]
        for spec in yaml.safe_load(plans._BUILT_IN.read_text()):
            row = Plan.objects.get(slug=spec["slug"])
            assert {name: getattr(row, name) for name in spec} == spec

    def test_never_changes_what_an_operator_did(self):
        save(slug="free", name="Gratis", limits={**LIMITS, "max_queued": 7})
        save(slug="house", is_default=True)
        Plan.objects.filter(slug="pro").delete()
        assert plans.sync(at=timezone.now()) == ["pro"]
        free = Plan.objects.get(slug="free")
        assert (free.name, free.limits["max_queued"], free.is_default) == ("Gratis", 7, False)
        assert Plan.objects.get(is_default=True).slug == "house"

    def test_keeps_todays_numbers_for_the_free_plan(self, person):
        granted = person.principal.entitlements
        assert (granted.plan, granted.lane, granted.weight, granted.max_running, granted.max_queued) == (
            "free", "free", 1, 4, 100,
        )  # fmt: skip


class TestSave:
    def test_changes_the_limits_of_everybody_on_the_plan_at_once(self, person):
        save()
        assign(person, "team")
        save(limits={**LIMITS, "max_queued": 51})
        assert person.principal.entitlements.max_queued == 51
        assert [event.reason for event in AuditEvent.objects.filter(action="plan.saved", target="plan:team")][-1] == (
            "max_queued=51"
        )

    def test_moves_the_default_and_newcomers_begin_on_it(self):
        save(is_default=True)
        assert Plan.objects.filter(is_default=True).get().slug == "team"
        assert make_person().principal.entitlements.plan == "team"

    def test_refuses_limits_that_do_not_exist_and_changes_nothing(self):
        with pytest.raises(UnknownField):
            save(limits={**LIMITS, "max_jobs": 1})
        assert not Plan.objects.filter(slug="team").exists()


class TestAssign:
    def test_is_in_force_with_the_next_call_and_recorded_once(self, person):
        api = person.api()
        assert assign(person, "pro") is True
        assert assign(person, "pro") is False
        assert api.get("/me").json()["plan"] == "pro"
        event = AuditEvent.objects.get(action="plan.assigned")
        assert (event.workspace_id, event.reason, event.target) == (person.workspace_id, "free → pro", "plan:pro")

    def test_keeps_the_workspaces_own_limits(self, person):
        person.limit(max_queued=3)
        assign(person, "pro")
        granted = plans.for_workspace(person.workspace_id)
        assert (granted.lane, granted.max_queued) == ("pro", 3)

    def test_refuses_a_plan_that_does_not_exist(self, person):
        with pytest.raises(FieldsRejected, match="must be one of: free, pro, enterprise"):
            assign(person, "gold")

    def test_refuses_a_workspace_that_does_not_exist(self):
        with pytest.raises(NotFound):
            plans.assign(workspace_id=uuid4(), plan="pro", actor="t", at=timezone.now())


class TestOverride:
    def test_lies_over_the_plan_until_it_is_forgotten(self, person):
        person.limit(max_queued=3, max_live_by_pipeline={"image": 1})
        granted = person.principal.entitlements
        assert (granted.max_queued, granted.max_live_by_pipeline) == (3, {"image": 1})
        assert plans.override(
            workspace_id=person.workspace_id, changes={}, forget=["max_queued"], actor="t", at=timezone.now()
        )
        granted = person.principal.entitlements
        assert (granted.max_queued, granted.max_live_by_pipeline) == (100, {"image": 1})
        events = AuditEvent.objects.filter(action="plan.overridden").order_by("id")
        assert [event.reason for event in events] == [
            'max_queued=3, max_live_by_pipeline={"image":1}', "-max_queued",
        ]  # fmt: skip

    def test_can_take_a_limit_away(self, person):
        person.limit(max_pixels=None)
        assert person.principal.entitlements.max_pixels is None

    def test_records_nothing_when_nothing_changes(self, person):
        person.limit(max_queued=3)
        person.limit(max_queued=3)
        assert AuditEvent.objects.filter(action="plan.overridden").count() == 1

    def test_refuses_to_forget_what_does_not_exist(self, person):
        with pytest.raises(FieldsRejected, match="max_jobs: does not exist"):
            plans.override(
                workspace_id=person.workspace_id, changes={}, forget=["max_jobs"], actor="t", at=timezone.now()
            )


class TestEffectiveLimits:
    def test_are_the_same_for_keys_and_members(self, person):
        from accounts import api_keys

        person.limit(max_queued=3, models=["sketch-image"], daily_credits=None)
        secret = person.api().secret
        assert (
            api_keys.authenticate(secret=secret, at=timezone.now()).entitlements
            == person.principal.entitlements
            == plans.for_workspace(person.workspace_id)
        )

    def test_are_read_in_the_statement_that_finds_the_caller(self, person, django_assert_num_queries):
        from accounts import api_keys
        from accounts.current import of_member

        secret = person.api().secret
        api_keys.authenticate(secret=secret, at=timezone.now())
        with django_assert_num_queries(1):
            api_keys.authenticate(secret=secret, at=timezone.now())
        with django_assert_num_queries(1):
            of_member(user_id=person.user.id, email=person.user.email)

    def test_are_all_shown_to_the_caller(self, person):
        person.limit(daily_jobs=9, max_duration_seconds=5, models=["b", "a"])
        limits = person.api().get("/me").json()["limits"]
        assert limits == {
            "lane": "free", "max_queued": 100, "max_live_by_pipeline": {"video": 2}, "daily_jobs": 9,
            "daily_jobs_by_pipeline": {}, "daily_credits": None, "max_pixels": 4194304, "max_duration_s": 5,
            "retention_days": None, "models": ["a", "b"],
        }  # fmt: skip


class TestDatabase:
    def test_refuses_a_second_default(self):
        with pytest.raises(IntegrityError), transaction.atomic():
            Plan.objects.filter(slug="pro").update(is_default=True)

    def test_refuses_to_drop_a_plan_that_somebody_is_on(self, person):
        with pytest.raises(IntegrityError), transaction.atomic():
            Plan.objects.get(slug="free").delete()


class TestSetPlan:
    def run(self, capsys, *arguments):
        call_command("set_plan", *arguments)
        return capsys.readouterr().out

    def test_assigns_and_overrides_and_says_what_holds(self, capsys, person):
        said = self.run(
            capsys, "--email", person.user.email.upper(), "--plan", "pro", "--override", "max_queued=7", "lane=free",
            "--override", 'max_live_by_pipeline={"image": 3}', "--override", "max_pixels=null",
        )  # fmt: skip
        assert "is on the plan pro" in said
        assert "max_queued = 7 (of this workspace)" in said
        granted = person.principal.entitlements
        assert (granted.plan, granted.lane, granted.max_queued, granted.max_pixels) == ("pro", "free", 7, None)
        assert granted.max_live_by_pipeline == {"image": 3}
        assert AuditEvent.objects.filter(actor="command:set_plan").count() == 2
        self.run(capsys, "--email", person.user.email, "--plan", "pro", "--forget", "lane", "max_queued")
        assert person.principal.entitlements.lane == "pro"

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            (["--plan", "gold"], "plan must be one of"),
            (["--plan", "pro", "--override", "max_queued=many"], "max_queued must be of type integer"),
            (["--plan", "pro", "--override", "max_jobs=3"], "max_jobs does not exist"),
            (["--plan", "pro", "--override", "max_queued"], "does not have the form KEY=VALUE"),
        ],
    )
    def test_refuses_in_a_sentence_and_changes_nothing(self, person, arguments, reason):
        with pytest.raises(CommandError, match=reason):
            call_command("set_plan", "--email", person.user.email, *arguments)
        assert person.principal.entitlements.plan == "free"

    def test_says_that_nobody_is_called_that(self):
        with pytest.raises(CommandError, match="Nobody is called"):
            call_command("set_plan", "--email", "x@example.com", "--plan", "pro")


class TestAdmin:
    @pytest.fixture
    def operator(self):
        return make_person(staff=True).browser()

    def test_makes_a_plan(self, operator):
        import json

        form = {"slug": "team", "name": "Team", "position": "15", "limits": json.dumps(LIMITS), "default": "on"}
        answer = operator.post("/admin/accounts/plan/add/", form)
        assert answer.status_code == 302, answer.context["adminform"].form.errors
        assert Plan.objects.get(is_default=True).slug == "team"
        assert AuditEvent.objects.filter(action="plan.saved", target="plan:team").exists()

    @pytest.mark.parametrize(
        ("limits", "reason"),
        [('{"lane": "free"}', "weight: is required"), ('{"max_jobs": 1}', "max_jobs: does not exist"), ("[1]", "JSON")],
    )
    def test_names_what_is_wrong_with_the_limits(self, operator, limits, reason):
        form = {"slug": "team", "name": "Team", "position": "15", "limits": limits}
        assert reason in operator.post("/admin/accounts/plan/add/", form).content.decode()
        assert not Plan.objects.filter(slug="team").exists()

    def test_keeps_a_default(self, operator):
        import json

        form = {"name": "Free", "position": "10", "limits": json.dumps(LIMITS)}
        page = operator.post("/admin/accounts/plan/free/change/", form).content.decode()
        assert "Make another plan the default instead." in page
        assert Plan.objects.get(slug="free").is_default

    def test_deletes_no_plan(self, operator):
        assert operator.get("/admin/accounts/plan/pro/delete/").status_code == 403

    def post(self, operator, person, plan, overrides):
        form = {
            "name": "Renamed", "kind": "personal", "entitlement-TOTAL_FORMS": "1", "entitlement-INITIAL_FORMS": "1",
            "entitlement-0-workspace": str(person.workspace_id), "entitlement-0-plan": plan,
            "entitlement-0-overrides": overrides, "memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0",
        }  # fmt: skip
        return operator.post(f"/admin/accounts/workspace/{person.workspace_id}/change/", form)

    def test_changes_a_workspaces_plan_and_overrides_with_an_audit_event_each(self, operator, person):
        person.limit(weight=3)
        assert self.post(operator, person, "pro", '{"max_queued": 7}').status_code == 302
        row = Entitlement.objects.get(workspace_id=person.workspace_id)
        assert (row.plan_id, row.overrides) == ("pro", {"max_queued": 7})
        events = AuditEvent.objects.filter(workspace_id=person.workspace_id, actor__startswith="user:")
        assert {event.action: event.reason for event in events} == {
            "plan.assigned": "free → pro", "plan.overridden": "max_queued=7, -weight",
        }  # fmt: skip

    def test_refuses_overrides_that_do_not_exist(self, operator, person):
        page = self.post(operator, person, "pro", '{"max_jobs": 7}').content.decode()
        assert "max_jobs: does not exist" in page
        assert person.principal.entitlements.plan == "free"


class TestOperationsPage:
    def test_shows_a_plan_and_commands_that_work(self, settings):
        import json
        import re
        import shlex
        from pathlib import Path

        page = (Path(settings.BASE_DIR) / "docs" / "operations" / "plans.md").read_text()
        save(limits=json.loads(re.search(r"```json\n(.*?)```", page, re.DOTALL)[1]))
        person = make_person()
        type(person.user).objects.filter(id=person.user.id).update(email="you@example.com")
        commands = re.findall(r"^python manage\.py (set_plan .*)$", page, re.MULTILINE)
        assert len(commands) == 3
        for command in commands[:2]:
            call_command(*shlex.split(command))
        granted = plans.for_workspace(person.workspace_id)
        assert (granted.max_queued, granted.max_live_by_pipeline["image"], granted.daily_jobs) == (1000, 50, None)
        call_command(*shlex.split(commands[2]))
        assert plans.overrides_of(person.workspace_id) == {"max_live_by_pipeline": {"image": 50}}

    def test_names_every_limit(self, settings):
        from pathlib import Path

        from accounts import limits

        page = (Path(settings.BASE_DIR) / "docs" / "operations" / "plans.md").read_text()
        assert [name for name in limits.KEYS if f"`{name}`" not in page] == []
