"""The operator's commands, as an operator runs them."""

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.utils import timezone

from assets.models import Asset
from credits.models import Lot
from tests.factories.generation import submit, work_off

pytestmark = pytest.mark.django_db


def run(capsys, *arguments):
    call_command(*arguments)
    return capsys.readouterr().out


class TestReconcile:
    def test_says_that_every_invariant_holds(self, capsys, person):
        submit(person)
        work_off()
        assert "every invariant holds" in run(capsys, "reconcile_ledger")

    @pytest.mark.breaks_invariants
    def test_exits_with_1_and_names_the_rows(self, capsys, person):
        Lot.objects.filter(wallet__workspace_id=person.workspace_id, origin="welcome").update(remaining=1)
        with pytest.raises(CommandError) as failed:
            call_command("reconcile_ledger")
        assert failed.value.returncode == 1
        assert "balance_equals_lots_and_holds" in capsys.readouterr().out


class TestExpire:
    def test_books_what_is_left_once(self, capsys, person):
        Lot.objects.filter(origin="welcome").update(
            effective_at=timezone.now() - timedelta(days=9), expires_at=timezone.now() - timedelta(days=1)
        )
        assert "would expire 200 credits of 1 lots" in run(capsys, "expire_lots", "--dry-run")
        assert "expired 200 credits of 1 lots" in run(capsys, "expire_lots")
        assert "expired 0 credits" in run(capsys, "expire_lots")
        assert "every invariant holds" in run(capsys, "reconcile_ledger")


class TestSweep:
    def test_deletes_old_files_without_a_row_and_reports_rows_without_a_file(self, capsys, person):
        import os

        submit(person)
        work_off()
        default_storage.save("o/aa/old.png", ContentFile(b"x"))
        default_storage.save("o/aa/new.png", ContentFile(b"x"))
        old = (timezone.now() - timedelta(days=2)).timestamp()
        os.utime(default_storage.path("o/aa/old.png"), (old, old))
        said = run(capsys, "sweep_orphans", "--dry-run")
        assert "would delete o/aa/old.png" in said
        assert "new.png" not in said
        assert default_storage.exists("o/aa/old.png")
        run(capsys, "sweep_orphans")
        assert not default_storage.exists("o/aa/old.png")
        asset = Asset.objects.get()
        assert default_storage.exists(asset.storage_key)
        default_storage.delete(asset.storage_key)
        assert f"missing {asset.storage_key}" in run(capsys, "sweep_orphans")


class TestStorageReport:
    def test_adds_up(self, capsys, person):
        submit(person)
        work_off()
        assert f"{person.workspace_id}  1 assets" in run(capsys, "storage_report")


class TestDoctor:
    def test_says_what_is_wrong_in_sentences(self, capsys, person):
        submit(person)
        with pytest.raises(CommandError):
            call_command("doctor")
        said = capsys.readouterr().out
        assert "No worker is up" in said
        assert "1 steps wait for the queue media, and no worker reads it." in said

    def test_is_content_when_all_is_well(self, capsys):
        from generation import fleet

        fleet.announce(name="w", queues=("media",), slots=2)
        try:
            assert "all is well" in run(capsys, "doctor")
        finally:
            fleet.leave(name="w")


class TestCatalogue:
    def test_says_when_there_is_nothing_to_change(self, capsys):
        assert "nothing to change" in run(capsys, "sync_catalog")

    def test_refuses_a_price_of_nothing(self, settings, tmp_path):
        import yaml

        from providers import catalog

        spec = yaml.safe_load((catalog._BUILT_IN / "sketch-image.yaml").read_text())
        for price in (0, -1, 10_000_000, "5", None):
            spec["price"]["credits"] = price
            (tmp_path / "bad.yaml").write_text(yaml.safe_dump({**spec, "slug": "bad"}))
            settings.PROVIDERS_CATALOGUE_DIRS = [str(tmp_path)]
            with pytest.raises(CommandError):
                call_command("sync_catalog")


class TestSeed:
    def test_is_refused_where_the_passwords_would_be_known_to_the_world(self, settings):
        from wildmind import seed

        settings.SEED_DEMO_ALLOWED = False
        with pytest.raises(CommandError, match="known passwords"):
            list(seed.demo(at=timezone.now()))

    def test_fills_the_gallery_once(self, settings):
        from wildmind import seed

        settings.CREDITS_QUOTE_TTL_SECONDS = 900
        list(seed.demo(at=timezone.now()))
        made = Asset.objects.count()
        assert made == sum(count for _, _, count, _ in seed.PICTURES)
        assert list(seed.demo(at=timezone.now())) == []
        assert Asset.objects.count() == made


class TestProduction:
    def test_settings_pass_djangos_deploy_checks(self, tmp_path):
        import os
        import subprocess
        import sys

        from django.conf import settings

        environ = {
            **os.environ, "DJANGO_SETTINGS_MODULE": "wildmind.settings.production",
            "WILDMIND_SECRET_KEY": "0123456789abcdefghij" * 3,
            "WILDMIND_ALLOWED_HOSTS": "studio.example.com", "WILDMIND_SITE_URL": "https://studio.example.com",
            "WILDMIND_DATA_DIR": str(tmp_path),
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"], cwd=settings.BASE_DIR,
            env=environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
