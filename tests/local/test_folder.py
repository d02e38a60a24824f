import json
import signal
import subprocess
import sys
from pathlib import Path

from wildmind.local.folder import Folder
from wildmind.local.processes import identify

_STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN if {stubborn} else signal.SIG_DFL)
print("up", flush=True)
time.sleep(60)
"""


def _stranger(*, stubborn: bool = False) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", _STUBBORN.format(stubborn=stubborn)], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout
    process.stdout.readline()
    return process


class TestEndOrphans:
    def test_ends_what_was_recorded(self, folder: Path) -> None:
        with _stranger() as process:
            Folder(folder).record("web", process.pid, signal.SIGTERM)
            assert Folder(folder).end_orphans() == ["web"]
            assert process.wait(timeout=5) == -signal.SIGTERM
        assert Folder(folder).end_orphans() == []

    def test_kills_what_does_not_listen(self, folder: Path) -> None:
        with _stranger(stubborn=True) as process:
            Folder(folder).record("web", process.pid, signal.SIGTERM)
            assert Folder(folder).end_orphans(patience=0.2) == ["web"]
            assert process.wait(timeout=5) == -signal.SIGKILL

    def test_leaves_a_later_process_with_the_same_number_alone(self, folder: Path) -> None:
        with _stranger() as process:
            Folder(folder).record("web", process.pid, signal.SIGTERM)
            record = folder / "processes.json"
            content = json.loads(record.read_text())
            content["processes"]["web"]["started"] = "1"
            record.write_text(json.dumps(content))
            assert Folder(folder).end_orphans() == []
            assert identify(process.pid)
            process.kill()

    def test_survives_a_record_cut_in_half(self, folder: Path) -> None:
        (folder / "processes.json").write_text('{"proc')
        assert Folder(folder).end_orphans() == []
