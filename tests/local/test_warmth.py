from pathlib import Path

import pytest

from wildmind.local.warmth import fingerprint


def _write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


class TestFingerprint:
    @pytest.mark.parametrize(
        "name",
        [
            "requirements.txt",
            "credits/migrations/0002_more.py",
            "billing/djstripe_migrations/0001_initial.py",
            "providers/catalogue/sketch.yaml",
            "wildmind/seed.py",
            "wildmind/management/commands/prepare.py",
        ],
    )
    def test_changes_with_what_makes_the_database(self, tmp_path: Path, name: str) -> None:
        before = fingerprint(tmp_path, seed="demo")
        _write(tmp_path, name, "one")
        once = fingerprint(tmp_path, seed="demo")
        _write(tmp_path, name, "two")
        assert len({before, once, fingerprint(tmp_path, seed="demo")}) == 3

    @pytest.mark.parametrize("name", ["credits/ledger.py", ".venv/x/migrations/0001.py", "static/a.json"])
    def test_stays_with_everything_else(self, tmp_path: Path, name: str) -> None:
        before = fingerprint(tmp_path, seed="demo")
        _write(tmp_path, name, "one")
        assert fingerprint(tmp_path, seed="demo") == before

    def test_changes_with_the_seed(self, tmp_path: Path) -> None:
        assert fingerprint(tmp_path, seed="demo") != fingerprint(tmp_path, seed="minimal")
