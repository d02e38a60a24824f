"""A process whose clock is wrong by `CHAOS_CLOCK_SECONDS`: in its PYTHONPATH, and nowhere else."""

import os
from datetime import UTC, datetime, timedelta

import time_machine

_off = timedelta(seconds=float(os.environ["CHAOS_CLOCK_SECONDS"]))
time_machine.travel(datetime.now(UTC) + _off, tick=True).start()
