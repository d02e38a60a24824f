from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.local.launched import GIVEN, Launched
from wildmind.local import rooms
from wildmind.local.console import Console
from wildmind.local.folder import Folder
from wildmind.local.interrupts import Interrupts
from wildmind.local.supervisor import Supervisor


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not `tmp_path`: its parents are closed to the account that PostgreSQL gets under root.
    room = rooms.make()
    yield room
    rooms.remove(room)


@pytest.fixture
def launch(folder: Path, tmp_path: Path) -> Iterator[Callable[..., Launched]]:
    launched: list[Launched] = []

    def start(*, environ: Mapping[str, str] = GIVEN) -> Launched:
        launched.append(Launched(tmp_path, folder, environ))
        return launched[-1]

    yield start
    for one in launched:
        if one.process.poll() is None:
            one.interrupt()
        one.end()


@pytest.fixture
def supervisor(folder: Path) -> Iterator[Supervisor]:
    with Interrupts() as interrupts:
        supervisor = Supervisor(Folder(folder), Console(), interrupts)
        yield supervisor
        supervisor.stop(("web",), ("valkey",), ("postgres",))
