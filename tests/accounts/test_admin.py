"""The operator's pages."""

import pytest

from accounts.models import AuditEvent
from credits.models import Wallet
from tests.factories.accounts import make_person
from tests.factories.generation import submit, work_off

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator():
    return make_person(staff=True).browser()


class TestPages:
    def test_open_with_rows_in_them(self, operator, person):
        submit(person, prompt="[[fail:provider]] secret-words")
        submit(person)
        work_off()
        from django.contrib import admin

        for model in admin.site._registry:
            label = f"{model._meta.app_label}/{model._meta.model_name}"
            assert operator.get(f"/admin/{label}/").status_code == 200, label
            first = model.objects.first()
            if first is not None and not isinstance(first.pk, tuple):
                page = operator.get(f"/admin/{label}/{first.pk}/change/")
                assert page.status_code == 200, label
                if model._meta.app_label in {"generation", "assets", "moderation"}:
                    assert b"secret-words" not in page.content, label

    def test_are_for_staff_alone(self, person):
        assert person.browser().get("/admin/generation/job/").status_code == 302


class TestGrant:
    def test_asks_for_a_reason_and_happens_once_for_a_double_click(self, operator, person):
        wallet = Wallet.objects.get(workspace_id=person.workspace_id, sandbox=False)
        path = f"/admin/credits/wallet/{wallet.pk}/grant/"
        token = operator.get(path).context["form"].initial["token"]
        assert operator.post(path, {"amount": 50, "reason": "", "token": token}).status_code == 200
        for _ in range(2):
            operator.post(path, {"amount": 50, "reason": "Outage on Monday", "token": token})
        assert person.available() == 250
        event = AuditEvent.objects.get(action="credits.granted")
        assert event.reason == "50: Outage on Monday"

    def test_needs_the_permission(self, person):
        helper = make_person()
        helper.user.is_staff = True
        helper.user.save()
        wallet = Wallet.objects.get(workspace_id=person.workspace_id, sandbox=False)
        assert helper.browser().get(f"/admin/credits/wallet/{wallet.pk}/grant/").status_code == 403


class TestPeople:
    def test_added_here_have_a_workspace_without_the_newcomers_credits(self, operator):
        form = {"email": "New@Example.com", "usable_password": "true", "password1": "a-good-phrase-7",
                "password2": "a-good-phrase-7", "memberships-TOTAL_FORMS": "0",
                "memberships-INITIAL_FORMS": "0"}  # fmt: skip
        operator.post("/admin/accounts/user/add/", form)
        from accounts.models import User

        user = User.objects.get(email="new@example.com")
        assert Wallet.objects.get(workspace__memberships__user=user, sandbox=False).balance == 0

    def test_are_deactivated_and_never_deleted(self, operator, person):
        assert operator.get(f"/admin/accounts/user/{person.user.pk}/delete/").status_code == 403


class TestCancelAction:
    def test_ends_queued_jobs_and_is_recorded(self, operator, person):
        from generation.models import Job

        job_id = submit(person)
        operator.post("/admin/generation/job/", {"action": "cancel_jobs", "_selected_action": [str(job_id)]})
        assert Job.objects.get(id=job_id).state == "canceled"
        assert AuditEvent.objects.filter(action="job.canceled").count() == 1


class TestAuditTrail:
    def test_cannot_be_changed(self, person):
        from django.db import IntegrityError, transaction

        person.api()
        for change in (lambda: AuditEvent.objects.update(actor="nobody"), lambda: AuditEvent.objects.all().delete()):
            with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
                change()
