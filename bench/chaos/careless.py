"""A conductor whose messages get lost, come twice, late, in another order, and again when all is over."""

import os
import random
import threading
from collections import deque
from typing import Any

import django
from celery import Celery

_LOST, _TWICE, _LATE, _AGAIN = 0.10, 0.25, 0.20, 0.10
_LATE_SECONDS = 6.0


class Careless:
    """Stands in for a broker that keeps no promise: wraps the publishing of messages that carry steps."""

    def __init__(self, publish: Any, dice: random.Random) -> None:
        self._publish, self._dice = publish, dice
        self._sent: deque[tuple[tuple[Any, ...], dict[str, Any]]] = deque(maxlen=500)

    def send(self, *arguments: Any, **options: Any) -> Any:
        if arguments[1] != "generation.run_steps":
            return self._publish(*arguments, **options)
        self._sent.append((arguments, options))
        draw = self._dice.random()
        if draw < _LOST:
            return None
        if draw < _LOST + _LATE:
            self._later(arguments, options)
            return None
        if draw < _LOST + _LATE + _TWICE:
            self._later(arguments, options)
        if draw > 1.0 - _AGAIN:
            old_arguments, old_options = self._dice.choice(self._sent)
            self._publish(*old_arguments, **old_options)
        return self._publish(*arguments, **options)

    def _later(self, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        timer = threading.Timer(self._dice.uniform(0, _LATE_SECONDS), self._publish, arguments, options)
        timer.daemon = True
        timer.start()


def main() -> None:
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - needs Django set up

    careless = Careless(Celery.send_task, random.Random(os.environ["CHAOS_SEED"]))  # noqa: S311 - no secret
    # A function, so that it is bound to its application like the method it stands for.
    Celery.send_task = lambda *arguments, **options: careless.send(*arguments, **options)  # type: ignore[method-assign]
    call_command("conductor")


if __name__ == "__main__":
    main()
