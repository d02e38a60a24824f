"""What the launcher does; see `make help`."""

import argparse
import os
import sys

from wildmind.local import children
from wildmind.local.console import Console
from wildmind.local.discover import ROOT, data_folder, environment
from wildmind.local.execute import execute
from wildmind.local.problems import LocalProblem
from wildmind.local.run import Plan, run, serve


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    console = Console()
    try:
        if options.action == "exec":
            return execute(options.command, console, os.environ)
        if options.action == "worker":
            return _become_worker()
        plan = Plan(root=ROOT, folder=data_folder(), environ=os.environ)
        return run(plan, console) if options.action == "run" else serve(plan, console)
    except LocalProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 1


def _become_worker() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wildmind.settings.dev")
    environment()
    # A name of its own: two workers with one name are one to Celery.
    command = children.worker(ROOT, os.environ, node=f"extra-{os.getpid()}")
    os.execv(command.argv[0], command.argv)  # noqa: S606 - a fixed program takes this one's place


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m wildmind.local")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("run", help="everything, until Ctrl-C")
    actions.add_parser("services", help="PostgreSQL and Valkey only, until Ctrl-C")
    actions.add_parser("worker", help="one more worker for a `run` in another terminal")
    execution = actions.add_parser("exec", help="a command with servers of its own")
    execution.add_argument("command", nargs="+", metavar="-- COMMAND")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
