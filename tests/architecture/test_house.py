"""The rules of the house, as tests. `lint-imports`, `mypy` and `ruff` hold the rest."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

ROOT = Path(settings.BASE_DIR)
APPS = (
    "accounts",
    "assets",
    "billing",
    "core",
    "credits",
    "generation",
    "insights",
    "moderation",
    "providers",
    "wildmind",
)
CORE = {
    "__init__", "admin", "apps", "egress", "errors", "expressions", "health", "idempotency", "ids", "models", "openapi",
    "pagination", "parsing", "paths", "problems", "push", "queueing", "redaction", "rendering", "schemas", "secrets",
    "sqlfiles", "styleguide", "telemetry",
}  # fmt: skip


def sources():
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


class TestTasks:
    def test_that_are_sent_by_name_exist(self):
        from celery import current_app

        from core.queueing import TaskRef

        current_app.loader.import_default_modules()
        for app in APPS:
            path = ROOT / app / "queues.py"
            if path.exists():
                module = __import__(f"{app}.queues", fromlist=["*"])
                for ref in vars(module).values():
                    if isinstance(ref, TaskRef):
                        assert ref.name in current_app.tasks, ref.name

    def test_are_never_sent_with_a_delay_or_retried_by_the_broker(self):
        for path in sources():
            assert not re.search(r"\b(countdown|eta)=|self\.retry\(|autoretry_for", path.read_text()), path


class TestSettings:
    def test_are_each_documented(self):
        documented = (ROOT / "docs" / "configuration.md").read_text()
        used = set()
        for path in [*(ROOT / "wildmind").rglob("*.py")]:
            used |= set(re.findall(r'env_(?:str|secret|int|bool|list)\(\s*"([A-Z_0-9]+)"', path.read_text()))
        assert used, "no setting was found: the pattern is wrong"
        assert sorted(name for name in used if f"`{name}`" not in documented) == []

    def test_of_production_refuse_the_local_secret(self):
        import subprocess
        import sys

        done = subprocess.run(
            [sys.executable, "-c", "import wildmind.settings.production"], cwd=ROOT, capture_output=True, text=True,
            env={"DATABASE_URL": "postgresql:///x", "WILDMIND_SECRET_KEY": "local-only-" + "0" * 50, "PATH": ""},
            check=False,
        )  # fmt: skip
        assert "WILDMIND_SECRET_KEY must be" in done.stderr


class TestErrors:
    def test_codes_are_each_documented(self):
        from core.errors import DomainError

        documented = (ROOT / "docs" / "errors.md").read_text()

        def below(kind):
            for child in kind.__subclasses__():
                yield child
                yield from below(child)

        codes = {kind.code for kind in below(DomainError) if hasattr(kind, "code")}
        from core.problems import _BY_STATUS

        codes |= {code for code, _ in _BY_STATUS.values()}
        assert sorted(code for code in codes if f"`{code}`" not in documented) == []


class TestStates:
    def test_of_jobs_are_each_told_to_integrators(self):
        from generation import state

        documented = (ROOT / "docs" / "api.md").read_text()
        (table,) = re.findall(r"\| `status` \| meaning \| captured \|\n((?:\|.*\n)+)", documented)
        told = set(re.findall(r"`([a-z_]+)`", "".join(line.split("|")[1] for line in table.splitlines())))
        (reserved,) = re.findall(r"`([a-z_]+)` is reserved and does not occur", documented)
        assert told | {reserved} == set(state.ALL)
        # What is told not to occur does not.
        ends = (ROOT / "generation" / "sql" / "finish.sql").read_text()
        assert f"THEN '{reserved}'" not in ends
        assert "THEN 'partially_succeeded'" in ends


class TestProviders:
    def test_each_have_a_page_and_their_variable_in_the_list(self):
        from providers import registry
        from providers.errors import UnknownAdapter

        listed = (ROOT / "docs" / "providers" / "README.md").read_text()
        for kind in registry._BUILT_IN:
            assert kind == "sketch" or (ROOT / "docs" / "providers" / f"{kind}.md").exists(), kind
            try:
                needs = registry.adapter(kind).needs
            except UnknownAdapter:
                continue
            for variable in filter(None, (needs.secret_env, needs.address_env)):
                assert f"`{variable}`" in listed, variable


class TestFiles:
    def test_of_the_kernel_are_a_closed_list(self):
        assert {path.stem for path in (ROOT / "core").glob("*.py")} == CORE

    def test_stay_short(self):
        long = [
            f"{path.relative_to(ROOT)}: {n}" for path in sources() if (n := len(path.read_text().splitlines())) > 400
        ]
        assert long == []

    def test_have_names_that_say_something(self):
        vague = {"utils", "helpers", "common", "misc"}
        assert [path for path in sources() if path.stem in vague] == []
        assert [
            p for p in sources() if p.stem == "base" and p.parent.name not in {"adapters", "pipelines", "settings"}
        ] == []

    def test_catch_everything_only_at_the_edges_of_a_process(self):
        allowed = {
            "core/health.py", "core/queueing.py", "generation/conductor.py",
            "generation/dispatch.py", "generation/flight.py", "generation/recovery.py", "generation/runner.py",
        }  # fmt: skip
        for path in sources():
            tree = ast.parse(path.read_text())
            broad = [
                node for node in ast.walk(tree)
                if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name)
                and node.type.id in {"Exception", "BaseException"}
            ]  # fmt: skip
            name = str(path.relative_to(ROOT))
            assert not broad or name in allowed or name in {"assets/storage.py", "wildmind/diagnosis.py"}, name

    def test_name_no_machine_and_no_registry(self):
        for path in [*ROOT.glob("*.txt"), *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "Makefile"]:
            text = path.read_text()
            assert "--index-url" not in text, path
            assert not re.search(
                r"pypi\.org|pythonhosted|registry\.npmjs|deb\.debian|(?<!\w)/(?:root|home)/\w", text
            ), path


@pytest.mark.django_db
class TestDatabase:
    def test_has_no_pending_migration(self):
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)

    @pytest.mark.parametrize(
        "name",
        [
            "credits/sql/lots.sql",
            "credits/sql/holds.sql",
            "credits/sql/guards.sql",
            "credits/sql/prices.sql",
            "credits/sql/refund_matrix.sql",
            "generation/sql/accept.sql",
            "generation/sql/start.sql",
            "generation/sql/previous.sql",
            "generation/sql/finish.sql",
            "generation/sql/stop.sql",
            "generation/sql/load.sql",
            "generation/sql/outlook.sql",
            "generation/sql/fairness.sql",
            "generation/sql/window.sql",
            "generation/sql/routes.sql",
        ],
    )
    def test_runs_the_functions_as_their_files_say(self, name):
        text = (ROOT / name).read_text()
        wanted = re.findall(r"CREATE OR REPLACE FUNCTION (\w+).*?\$\$(.*?)\$\$", text, re.DOTALL)
        assert wanted
        with connection.cursor() as cursor:
            for function, body in wanted:
                cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = %s", [function])
                assert cursor.fetchall() == [(body,)], f"{function}: add a migration that runs {name} again"

    def test_knows_the_same_states_as_the_code(self):
        from generation import state

        for name in ("load.sql", "violations.sql"):
            found = re.findall(r"state IN (\([^)]*\))", (ROOT / "generation/sql" / name).read_text())
            assert set(found) == {f"({', '.join(repr(live) for live in state.LIVE)})"}, name


@pytest.mark.django_db
class TestAdmin:
    def test_of_money_and_jobs_is_read_only(self, rf):
        from django.contrib import admin
        from django.contrib.auth import get_user_model

        request = rf.get("/admin/")
        request.user = get_user_model()(is_superuser=True, is_staff=True, is_active=True)
        for model, page in admin.site._registry.items():
            # A spend limit moves no credits: setting one calls its verb.
            if model._meta.app_label in {"credits", "generation"} and model.__name__ != "SpendLimit":
                assert not page.has_add_permission(request), model
                assert not page.has_change_permission(request), model
                assert not page.has_delete_permission(request), model
