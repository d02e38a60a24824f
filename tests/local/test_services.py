import os
import subprocess
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from wildmind.local import postgres, postgres_binaries, rooms, valkey
from wildmind.local.accounts import Account, for_postgres
from wildmind.local.problems import LocalProblem
from wildmind.local.services import Services
from wildmind.local.supervisor import Supervisor

pytestmark = pytest.mark.stack
ONCE = Retry(NoBackoff(), 0)
NOWHERE = Path("/nowhere")
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give PostgreSQL another account")


@pytest.fixture(params=["machine", "wheel"])
def environ(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a machine with PostgreSQL offers (if this one does), and one without."""
    if request.param == "machine":
        return {"PATH": os.environ["PATH"]}
    monkeypatch.setattr(postgres_binaries, "_DEBIAN", NOWHERE)
    return {"PATH": "/nowhere"}


class TestServices:
    def test_answer_only_to_us_and_leave_nothing_behind(
        self, supervisor: Supervisor, folder: Path, environ: dict[str, str]
    ) -> None:
        services = Services(supervisor, environ, folder, ephemeral=True)
        services.start()

        with psycopg.connect(services.urls["DATABASE_URL"]) as connection:
            settings = "SELECT current_database(), current_setting('server_encoding'), current_setting('fsync')"
            assert connection.execute(settings).fetchone() == ("wildmind", "UTF8", "off")
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            assert connection.execute("SELECT lower('ÄÖ')").fetchone() == ("äö",)
        client = redis.Redis.from_url(services.urls["REDIS_URL"], retry=ONCE)
        assert client.ping()
        stranger = redis.Redis(retry=ONCE, port=client.connection_pool.connection_kwargs["port"])
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
        assert services.fresh
        assert (folder / "s").stat().st_mode & 0o077 == 0

        supervisor.stop(("valkey",), ("postgres",))
        with pytest.raises(redis.ConnectionError):
            client.ping()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(services.urls["DATABASE_URL"])

    def test_come_back_with_their_data(self, supervisor: Supervisor, folder: Path) -> None:
        first = Services(supervisor, {"PATH": os.environ["PATH"]}, folder, ephemeral=False)
        first.start()
        with psycopg.connect(first.urls["DATABASE_URL"]) as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        supervisor.stop(("valkey",), ("postgres",))

        second = Services(supervisor, {"PATH": os.environ["PATH"]}, folder, ephemeral=False)
        second.start()
        with psycopg.connect(second.urls["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        assert not second.fresh

    def test_given_ones_are_used_as_they_are(self, supervisor: Supervisor, folder: Path) -> None:
        given = {"DATABASE_URL": "postgresql://elsewhere/db", "REDIS_URL": "redis://elsewhere/1"}
        services = Services(supervisor, given, folder, ephemeral=True)
        services.start()
        assert services.urls == given
        assert not services.private

    def test_one_that_cannot_start_shows_its_log(self, supervisor: Supervisor, folder: Path) -> None:
        server = valkey.Valkey(Path("/bin/false"), 1, "secret")
        supervisor.start(server.command(folder=folder / "valkey", log=supervisor.folder.log("valkey"), environ={}))
        with pytest.raises(LocalProblem, match="valkey ended with exit code 1"):
            supervisor.await_answer("valkey", server.answers, seconds=5)


class TestOpenCluster:
    def test_of_another_version_names_the_way_out(self, folder: Path) -> None:
        data = folder / "postgres"
        data.mkdir()
        (data / "PG_VERSION").write_text("9\n")
        with pytest.raises(LocalProblem, match=rf"made by PostgreSQL 9 .* mv {data} {data}-9"):
            postgres.open_cluster(folder, ephemeral=False, environ=os.environ)

    def test_without_any_postgresql_says_what_to_do(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(postgres_binaries, "_DEBIAN", NOWHERE)
        monkeypatch.setattr(postgres_binaries, "_WHEEL", "no_such_package")
        with pytest.raises(LocalProblem, match="make setup"):
            postgres.open_cluster(folder, ephemeral=False, environ={"PATH": "/nowhere"})

    @only_root
    def test_in_a_closed_folder_goes_beside_it_and_stays_there(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        room = rooms.make()
        monkeypatch.setattr(postgres, "SHARED_STATE", room)
        try:
            first = postgres.open_cluster(tmp_path, ephemeral=True, environ=os.environ)
            second = postgres.open_cluster(tmp_path, ephemeral=True, environ=os.environ)
            assert first.data == second.data
            assert first.data.is_relative_to(room)
            assert first.data.stat().st_uid != 0
            assert (first.fresh, second.fresh) == (True, False)
            assert str(first.data) in first.note
        finally:
            rooms.remove(room)


class TestReachable:
    @only_root
    def test_programs_in_a_closed_folder_are_copied_with_their_libraries(
        self, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(postgres_binaries, "SHARED_STATE", folder)
        programs = tmp_path / "package" / "pginstall" / "bin"
        programs.mkdir(parents=True)
        library = tmp_path / "package.libs" / "word"
        library.parent.mkdir()
        library.write_text("hello")
        initdb = programs / "initdb"
        initdb.write_text('#!/bin/sh\ncat "$(dirname "$0")/../../../package.libs/word"\n')
        initdb.chmod(0o755)
        tmp_path.chmod(0o700)
        account = for_postgres(NOWHERE)
        assert account

        copied = postgres_binaries.reachable(postgres_binaries.Binaries(programs, "18.0"), account)

        assert copied.folder.is_relative_to(folder)
        assert _run_as(account, copied.program("initdb")) == "hello"


def _run_as(account: Account, program: str) -> str:
    return subprocess.run(
        [program], user=account.uid, group=account.gid, cwd="/", capture_output=True, text=True, check=True
    ).stdout
