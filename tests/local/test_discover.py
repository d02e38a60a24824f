import json
from pathlib import Path

import pytest

from wildmind.local import discover
from wildmind.local.folder import Folder

URLS = {"DATABASE_URL": "postgresql://live/db", "REDIS_URL": "redis://live/0"}


@pytest.fixture
def environ(folder: Path) -> dict[str, str]:
    return {"WILDMIND_DATA_DIR": str(folder)}


class TestEnvironment:
    def test_finds_a_live_run(self, folder: Path, environ: dict[str, str]) -> None:
        Folder(folder).announce(URLS, room=folder)
        discover.environment(environ)
        assert URLS.items() <= environ.items()

    def test_leaves_what_is_set(self, folder: Path, environ: dict[str, str]) -> None:
        Folder(folder).announce(URLS, room=folder)
        environ["DATABASE_URL"] = "postgresql://mine/db"
        discover.environment(environ)
        assert environ["DATABASE_URL"] == "postgresql://mine/db"
        assert environ["REDIS_URL"] == URLS["REDIS_URL"]

    def test_does_not_believe_a_run_that_has_ended(self, folder: Path, environ: dict[str, str]) -> None:
        Folder(folder).announce(URLS, room=folder)
        announcement = folder / discover.FILE
        content = json.loads(announcement.read_text())
        announcement.write_text(json.dumps({**content, "started": "1"}))
        discover.environment(environ)
        assert "DATABASE_URL" not in environ

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": 1'])
    def test_passes_over_what_is_no_announcement(self, folder: Path, environ: dict[str, str], text: str) -> None:
        (folder / discover.FILE).write_text(text)
        discover.environment(environ)
        assert "DATABASE_URL" not in environ

    def test_is_for_our_eyes_only(self, folder: Path) -> None:
        Folder(folder).announce(URLS, room=folder)
        assert (folder / discover.FILE).stat().st_mode & 0o777 == 0o600


class TestDataFolder:
    def test_is_relative_to_the_repository(self) -> None:
        assert discover.data_folder({"WILDMIND_DATA_DIR": "elsewhere"}) == discover.ROOT / "elsewhere"
        assert discover.data_folder({}) == discover.ROOT / ".local"
        assert discover.data_folder({"WILDMIND_DATA_DIR": "/absolute"}) == Path("/absolute")
