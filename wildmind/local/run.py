"""`python -m wildmind.local run`: services, database, web, worker and scheduler, until Ctrl-C."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from wildmind.local import children, ports, rooms, warmth
from wildmind.local.console import Console
from wildmind.local.folder import Folder
from wildmind.local.interrupts import Interrupts
from wildmind.local.problems import LocalProblem, Stopped
from wildmind.local.processes import Command
from wildmind.local.readiness import Probe
from wildmind.local.services import STOP_ORDER as SERVICES_STOP_ORDER
from wildmind.local.services import Services
from wildmind.local.supervisor import TICK_SECONDS, Supervisor

_READY_SECONDS = 90.0
_DEMO = (
    "Sign in          demo@wildmind.local / wildmind-demo",
    "Administration   admin@wildmind.local / wildmind-admin   at {address}admin/",
)


@dataclass(frozen=True)
class Plan:
    """What to run where. The tests put small programs in the place of Wildmind."""

    root: Path
    folder: Path
    environ: Mapping[str, str]
    prepare: Callable[[Path, Mapping[str, str]], Command] = children.prepare
    programs: Callable[[Path, Mapping[str, str]], list[Command]] = children.wildmind


def run(plan: Plan, console: Console) -> int:
    """0 after Ctrl-C, at whatever point it came."""
    with _stage(plan, console) as services:
        port = ports.choose(plan.environ.get("WILDMIND_PORT") or "8000")
        _Run(plan, services, port).go()
    return 0


def serve(plan: Plan, console: Console) -> int:
    """`services`: only PostgreSQL and Valkey, for a developer who starts the rest by hand."""
    with _stage(plan, console) as services:
        services.start()
        services.supervisor.folder.announce(services.urls, room=services.room)
        console.frame([f"export {name}='{value}'" for name, value in services.urls.items()])
        _watch(services.supervisor)
    return 0


@contextmanager
def _stage(plan: Plan, console: Console) -> Iterator[Services]:
    """The data folder is ours, nothing of an earlier run is left, and whatever is started ends with the block."""
    folder = Folder(plan.folder)
    with ExitStack() as stack:
        interrupts = stack.enter_context(Interrupts())
        folder.take()
        stack.callback(folder.release)
        if ended := folder.end_orphans():
            console.say(f"ended what an earlier run left behind: {', '.join(ended)}")
        room = rooms.make()
        stack.callback(rooms.remove, room)
        supervisor = Supervisor(folder, console, interrupts)
        stack.callback(supervisor.stop, *children.STOP_ORDER, *SERVICES_STOP_ORDER)
        try:
            yield Services(supervisor, plan.environ, room, ephemeral=False)
        except Stopped:
            console.say("stopping")


@dataclass
class _Run:
    plan: Plan
    services: Services
    port: int

    @property
    def supervisor(self) -> Supervisor:
        return self.services.supervisor

    @property
    def folder(self) -> Folder:
        return self.supervisor.folder

    @property
    def console(self) -> Console:
        return self.supervisor.console

    @property
    def _seed(self) -> str:
        return self.plan.environ.get("WILDMIND_SEED") or "demo"

    def go(self) -> None:
        self.services.start()
        self.folder.announce(self.services.urls, room=self.services.room)
        env = self._environment()
        self._prepare(env)
        for command in self.plan.programs(self.plan.root, env):
            self.supervisor.start(command)
        self._await_ready()
        self._announce()
        _watch(self.supervisor)

    def _environment(self) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "wildmind.settings.dev",
            "WILDMIND_SITE_URL": f"http://{ports.HOST}:{self.port}",
            **self.plan.environ,
            **self.services.urls,
            "WILDMIND_DATA_DIR": str(self.folder.path),
            "WILDMIND_PORT": str(self.port),
            "WILDMIND_SEED": self._seed,
            "PYTHONUNBUFFERED": "1",
        }

    def _prepare(self, env: Mapping[str, str]) -> None:
        """Skipped only where nobody else can have changed the database since."""
        current = warmth.fingerprint(self.plan.root, seed=self._seed)
        if self.services.private and not self.services.fresh and self.folder.prepared_as() == current:
            return
        self.console.say("preparing the database")
        code = self.supervisor.run_to_end(self.plan.prepare(self.plan.root, env))
        if code:
            raise LocalProblem(f"The database could not be prepared (exit code {code}); the lines above say why.")
        if self.services.private:
            self.folder.set_prepared(current)

    def _await_ready(self) -> None:
        probe = Probe(self.port)
        probe.start()
        late_at = time.monotonic() + _READY_SECONDS
        while not probe.ready:
            self.supervisor.interrupts.pause(TICK_SECONDS)
            self.supervisor.tick()
            if time.monotonic() >= late_at:
                late_at = float("inf")
                self.console.say(
                    f"not ready after {_READY_SECONDS:g} s: http://{ports.HOST}:{self.port}/readyz {probe.why_not}. "
                    "Still waiting; the lines above may say why, Ctrl-C stops."
                )

    def _announce(self) -> None:
        address = f"http://{ports.HOST}:{self.port}/"
        demo = [line.format(address=address) for line in _DEMO] if self._seed == "demo" else []
        data = f"Data             {self.folder.path}"
        if self.services.data and self.folder.path not in self.services.data.parents:
            data += f" and {self.services.data}"
        self.console.frame([f"Wildmind is at   {address}", *demo, data, "Ctrl-C stops everything"])


def _watch(supervisor: Supervisor) -> None:
    while True:
        supervisor.interrupts.pause(TICK_SECONDS)
        supervisor.tick()
