import os
import signal
import socket
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from generation.conductor import Conductor


class Command(BaseCommand):
    help = "Dispatches jobs to the workers, recovers what was lost, and keeps the schedule. Run one or more."

    def handle(self, **options: Any) -> None:
        # Every question of the queue has a partial index; a planner that has not yet counted the tables would
        # read them whole, several times a second.
        options = connection.settings_dict["OPTIONS"]
        options["options"] = f"{options.get('options', '')} -c enable_seqscan=off"
        conductor = Conductor(name=f"{socket.gethostname()}:{os.getpid()}")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: conductor.stop.set())
        conductor.run()
