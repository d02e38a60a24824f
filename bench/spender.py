"""Callers of a ledger: one process of some threads, each with a connection of its own and one verb under way.

Reads an order a line from standard input, works at the moment it names, leaves what it saw in a file and says `done`.
Which ledger is the argument: a module with `hold`, `capture`, `void` and `grant`.
"""

import importlib
import json
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import django

AMOUNT, CAPTURED = 10, 8


class Verbs(Protocol):
    """A ledger under test. A wallet and a hold are what it takes them for; every answer is checked by the callers."""

    def hold(self, wallet: str, reference: str) -> tuple[Any, bool]: ...
    def capture(self, hold: Any) -> int: ...
    def void(self, hold: Any) -> int: ...
    def grant(self, wallet: str, reference: str) -> bool: ...


class Caller:
    """One thread's work: what it did and how long each verb took, inside the time that counts."""

    def __init__(self, ledger: Verbs, wallets: list[str]) -> None:
        self.ledger = ledger
        self.wallets = wallets
        self.random = random.Random()  # noqa: S311 - which wallet, not a secret
        self.prefix, self.numbers = uuid4().hex, count()
        self.opens, self.closes = 0.0, 0.0
        self.micros: list[int] = []
        self.answered = 0
        self.works: dict[str, Callable[[], None]] = {
            "capture": partial(self._pair, ledger.capture, CAPTURED),
            "void": partial(self._pair, ledger.void, AMOUNT),
            "grant": self._grant,
            "mixed": self._mixed,
        }

    def run(self, work: str, opens: float, closes: float) -> None:
        self.opens, self.closes = opens, closes
        deed = self.works[work]
        while time.monotonic() < closes:
            deed()

    def _pair(self, settle: Callable[[Any], int], moved: int) -> None:
        hold, _ = self._timed(self.ledger.hold, self._wallet(), self._reference())
        _expect(self._timed(settle, hold), wanted=moved)

    def _grant(self) -> None:
        _expect(self._timed(self.ledger.grant, self._wallet(), self._reference()), wanted=True)

    def _again(self) -> None:
        wallet, reference = self._wallet(), self._reference()
        hold, _ = self._timed(self.ledger.hold, wallet, reference)
        _expect(self._timed(self.ledger.hold, wallet, reference), wanted=(hold, True))
        _expect(self._timed(self.ledger.void, hold), wanted=AMOUNT)

    def _mixed(self) -> None:
        """Of a hundred: seventy holds captured in part, twenty voided, five grants, five retries of a reference."""
        dice = self.random.random()
        if dice < 0.70:
            self.works["capture"]()
        elif dice < 0.90:
            self.works["void"]()
        elif dice < 0.95:
            self._grant()
        else:
            self._again()

    def _wallet(self) -> str:
        return self.random.choice(self.wallets)

    def _reference(self) -> str:
        return f"{self.prefix}:{next(self.numbers)}"

    def _timed(self, verb: Callable[..., Any], *what: Any) -> Any:
        began = time.monotonic()
        answer = verb(*what)
        ended = time.monotonic()
        self.answered += 1
        if self.opens <= ended < self.closes:
            self.micros.append(round((ended - began) * 1e6))
        return answer


def _expect(answer: object, *, wanted: object) -> None:
    if answer != wanted:
        raise SystemExit(f"The ledger answered {answer} instead of {wanted}.")


def main(module: str, threads: int) -> None:
    django.setup()
    ledger: Verbs = importlib.import_module(module).Ledger()
    _say("ready")
    with ThreadPoolExecutor(threads) as pool:
        for line in sys.stdin:
            order = json.loads(line)
            callers = [Caller(ledger, order["wallets"]) for _ in range(order["threads"])]
            working = [pool.submit(each.run, order["work"], order["opens"], order["closes"]) for each in callers]
            for each in working:
                each.result()
            seen = {
                "micros": [value for each in callers for value in each.micros],
                "answered": sum(each.answered for each in callers),
            }
            Path(order["to"]).write_text(json.dumps(seen), encoding="utf-8")
            _say("done")


def _say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
