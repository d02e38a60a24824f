from typing import Any

from django.core.management.base import BaseCommand

from assets import lifecycle


class Command(BaseCommand):
    help = "What each workspace stores, in bytes."

    def handle(self, **options: Any) -> None:
        rows = lifecycle.usage()
        for row in rows:
            self.stdout.write(
                f"{row.workspace_id}  {row.assets} assets  {row.size_bytes} bytes  {row.rendition_bytes} in renditions"
            )
        self.stdout.write(f"{sum(row.size_bytes + row.rendition_bytes for row in rows)} bytes in all")
