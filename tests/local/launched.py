"""`make run` in a process of its own, with small programs in the place of Wildmind's."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from wildmind.local.discover import ROOT

_PROGRAMS = """
import os, sys
from pathlib import Path
from wildmind.local.console import Console
from wildmind.local.processes import Command
from wildmind.local.problems import LocalProblem
from wildmind.local.run import Plan, run

WEB = '''
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *arguments): pass
print("pid", os.getpid(), flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["WILDMIND_PORT"])), Handler).serve_forever()
'''
SLEEP = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)"

def command(name, env, code):
    return Command(name, (sys.executable, "-c", code), Path("/"), env)

plan = Plan(
    root=Path(sys.argv[1]), folder=Path(sys.argv[2]), environ=os.environ,
    prepare=lambda root, env: command("prepare", env, os.environ.get("TEST_PREPARE", "print('prepared')")),
    programs=lambda root, env: [command("web", env, WEB), command("worker", env, SLEEP)],
)
try:
    code = run(plan, Console())
except LocalProblem as problem:
    print(problem)
    code = 1
sys.exit(code)
"""
# Any text will do where nothing connects: the launcher then starts no services.
GIVEN = {"DATABASE_URL": "postgresql://elsewhere/given", "REDIS_URL": "redis://elsewhere/0"}


class Launched:
    """`make run` under test; `expect` reads on until a line has the pattern."""

    def __init__(self, root: Path, folder: Path, extra: Mapping[str, str]) -> None:
        inherited = {name: value for name, value in os.environ.items() if name not in GIVEN}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAMS, str(root), str(folder)],
            env={**inherited, "WILDMIND_PORT": "0", **extra, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._watchdog = threading.Timer(25, self.process.kill)
        self._watchdog.start()

    def expect(self, pattern: str) -> re.Match[str]:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"{pattern!r} was never said:\n" + "\n".join(self.lines))

    def pids(self) -> list[int]:
        return [int(match.group(1)) for line in self.lines if (match := re.search(r"pid (\d+)$", line))]

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self) -> int:
        with self.process as process:
            if process.stdout and not process.stdout.closed:
                self.lines += process.stdout.read().splitlines()
        self._watchdog.cancel()
        return process.returncode
