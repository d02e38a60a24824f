from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from accounts import plans
from generation import offers
from wildmind import seed
from wildmind.settings.env import env_str


class Command(BaseCommand):
    help = "Migrates, adds absent plans, syncs the catalogue and seeds (WILDMIND_SEED=demo or minimal). Idempotent."

    def handle(self, **options: Any) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.stdout.write("migrating the database")
            call_command("migrate", verbosity=0, interactive=False)
        for plan in plans.sync(at=timezone.now()):
            self.stdout.write(f"plans: add {plan}")
        done = offers.sync(at=timezone.now())
        for change in done.changes:
            self.stdout.write(f"catalogue: {change}")
        for refusal in done.refusals:
            self.stderr.write(f"catalogue: {refusal}")
        if env_str("WILDMIND_SEED", default="demo") == "demo":
            for line in seed.demo(at=timezone.now()):
                self.stdout.write(line)
