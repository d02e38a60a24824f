from typing import Any

from django.core.management.base import BaseCommand, CommandError

from wildmind import diagnosis


class Command(BaseCommand):
    help = "Checks this deployment and says in sentences what is wrong and how to mend it. Exit 1 when anything is."

    def handle(self, **options: Any) -> None:
        found = list(diagnosis.findings())
        for sentence in found:
            self.stdout.write(sentence)
        if found:
            raise CommandError(f"{len(found)} findings", returncode=1)
        self.stdout.write("all is well")
