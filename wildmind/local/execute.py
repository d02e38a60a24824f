"""`python -m wildmind.local exec -- COMMAND`: a command with servers of its own that leave nothing behind."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from wildmind.local import rooms
from wildmind.local.console import Console
from wildmind.local.folder import LOCK, Folder
from wildmind.local.interrupts import Interrupts
from wildmind.local.problems import Stopped
from wildmind.local.processes import leashed, tell
from wildmind.local.services import STOP_ORDER, Services
from wildmind.local.supervisor import Supervisor

_POLL_SECONDS = 0.5


def execute(argv: Sequence[str], console: Console, environ: Mapping[str, str]) -> int:
    """The command's exit code; 128 plus the signal's number when a signal ended it, as a shell has it."""
    for room in rooms.abandoned(LOCK):
        Folder(room).end_orphans()
        rooms.remove(room)
    with ExitStack() as stack:
        interrupts = stack.enter_context(Interrupts())
        room = rooms.make()
        stack.callback(rooms.remove, room)
        folder = Folder(room)
        folder.take()
        stack.callback(folder.release)
        supervisor = Supervisor(folder, console, interrupts)
        stack.callback(supervisor.stop, *STOP_ORDER)
        services = Services(supervisor, environ, room, ephemeral=True)
        try:
            services.start()
        except Stopped:
            return 128 + signal.SIGINT
        data = room / "data"
        data.mkdir(mode=0o700)
        return _run(argv, {**environ, **services.urls, "WILDMIND_DATA_DIR": str(data)}, interrupts)


def _run(argv: Sequence[str], env: Mapping[str, str], interrupts: Interrupts) -> int:
    """In our own process group: the command has the terminal, so Ctrl-C reaches it without our help."""
    process = subprocess.Popen(  # noqa: S603 - the caller's own command, no shell
        leashed(tuple(argv), account=None, death_signal=signal.SIGTERM), env=dict(env)
    )
    told = False
    while True:
        try:
            code = process.wait(timeout=_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if interrupts.terminated and not told:
                told = True
                tell(process.pid, signal.SIGTERM)
        else:
            return code if code >= 0 else 128 - code
