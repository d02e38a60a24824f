"""The README's commands, run as they stand there."""

import json
import re
import subprocess
import sys

import pytest

from tests.stack.running import ROOT, Caller

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def blocks(name: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)


def run(stack, script: str, **environ: str) -> str:
    script = script.replace("http://127.0.0.1:8000", stack.url).replace(".venv/bin/python", sys.executable)
    done = subprocess.run(
        ["bash", "-euc", script], cwd=ROOT, env={**stack.environ, **environ}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class TestReadme:
    def test_makes_a_key_and_two_pictures_in_one_call(self, stack):
        key = json.loads(run(stack, blocks("README.md")[1]).strip().splitlines()[-1])["key"]
        made = json.loads(run(stack, blocks("README.md")[2], WILDMIND_API_KEY=key))
        assert made["status"] == "queued"
        caller = Caller(stack.port, key)
        path = made["urls"]["self"].removeprefix("/api/v1")
        stack.wait(lambda: caller.get(path)["status"] == "succeeded", "the pictures are made")
        assert len(caller.get(path)["outputs"]) == 2

    def test_names_every_command_that_exists_and_no_other(self, stack):
        text = (ROOT / "README.md").read_text()
        table = text.split("## Operator commands")[1].split("## Production")[0]
        named = set(re.findall(r"^\| `(\w+)", table, re.MULTILINE))
        found = {path.stem for path in ROOT.glob("*/management/commands/*.py")} - {"__init__", "render_landing"}
        assert named == found


class TestErrorPages:
    def test_exist_for_the_type_of_every_problem(self, stack):
        import http.client
        from contextlib import closing

        for code in ("insufficient_credits", "unknown_field", "not_found"):
            with closing(http.client.HTTPConnection("127.0.0.1", stack.port, timeout=10)) as connection:
                connection.request("GET", f"/docs/errors/{code}")
                answer = connection.getresponse()
                assert answer.status == 200
                assert code in answer.read().decode()
