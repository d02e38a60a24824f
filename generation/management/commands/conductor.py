import os
import signal
import socket
from typing import Any

from django.core.management.base import BaseCommand

from generation.conductor import Conductor


class Command(BaseCommand):
    help = "Dispatches jobs to the workers, recovers what was lost, and keeps the schedule. Run one or more."

    def handle(self, **options: Any) -> None:
        conductor = Conductor(name=f"{socket.gethostname()}:{os.getpid()}")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: conductor.stop.set())
        conductor.run()
