"""Putting work into a queue, and saying how long it took and how much of this process."""

import json
import sys
import time
from collections.abc import Callable


def produce(amount: int, send: Callable[[int], object]) -> None:
    """Sends the numbers from 0 on, after one to connect, and prints seconds and CPU seconds."""
    send(0)
    began, used = time.perf_counter(), time.process_time()
    for number in range(1, amount):
        send(number)
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - began, "cpu": time.process_time() - used}))
