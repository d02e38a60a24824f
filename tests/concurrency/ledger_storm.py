"""Many threads of mixed verbs on one wallet. As a program it acknowledges each deed in a file until it is killed."""

import os
import random
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

SHORT, LONG = timedelta(milliseconds=300), timedelta(days=1)


class Thread:
    """One caller: grants, holds, settles what it holds, refunds what it paid, sweeps. `tell` hears of each deed."""

    def __init__(
        self, workspace_id: UUID, seed: int, tell: Callable[[str], None], paid: list[tuple[UUID, int]]
    ) -> None:
        self.workspace_id = workspace_id
        self.random = random.Random(seed)  # noqa: S311 - a storm, not a secret
        self.tell = tell
        self.open: list[tuple[UUID, int]] = []
        # Everybody's: two threads refund, and settle again, the same hold.
        self.paid = paid

    def step(self) -> None:
        from core.errors import DomainError

        verbs = [self.grant, self.hold, self.hold, self.settle, self.settle, self.refund, self.take_back, self.sweep]
        try:
            self.random.choice(verbs)()
        except DomainError:
            return

    def grant(self) -> None:
        from django.utils import timezone

        from credits import ledger
        from credits.ledger import Terms

        now, name, amount = timezone.now(), str(uuid4()), self.random.randint(1, 30)
        ends = self.random.choice([None, now + SHORT, now + LONG])
        for _ in range(self.random.randint(1, 2)):
            ledger.grant(workspace_id=self.workspace_id, amount=amount, reference=name, at=now,
                         terms=Terms("goodwill", ends, paid=self.random.random() < 0.5))  # fmt: skip
        self.tell(f"grant grant:{name}")

    def hold(self) -> None:
        from django.utils import timezone

        from credits import ledger

        name, amount = str(uuid4()), self.random.randint(1, 12)
        made = ledger.hold(workspace_id=self.workspace_id, amount=amount, reference=name, at=timezone.now())
        self.open.append((made.id, amount))
        self.tell(f"hold {made.id}")

    def settle(self) -> None:
        from django.utils import timezone

        from credits import ledger

        if not self.open:
            return
        hold_id, amount = self.open.pop(self.random.randrange(len(self.open)))
        captured = self.random.randint(0, amount)
        if captured > 1 and self.random.random() < 0.3:
            ledger.capture(hold_id=hold_id, amount=1, part="first", at=timezone.now())
        for _ in range(self.random.randint(1, 2)):
            ledger.capture(hold_id=hold_id, amount=captured, at=timezone.now())
        if captured:
            self.paid.append((hold_id, captured))
            self.tell(f"capture hold:{hold_id}")

    def refund(self) -> None:
        from django.utils import timezone

        from credits import ledger

        if self.paid:
            hold_id, amount = self.random.choice(self.paid[-8:])
            ledger.capture(hold_id=hold_id, amount=amount, at=timezone.now())
            name = str(uuid4())
            ledger.refund(hold_id=hold_id, amount=self.random.randint(1, amount), reference=name, reason="storm",
                          at=timezone.now())  # fmt: skip
            self.tell(f"refund refund:{name}")

    def take_back(self) -> None:
        from django.utils import timezone

        from credits import ledger

        if self.random.random() < 0.2:
            name = str(uuid4())
            ledger.claw_back(workspace_id=self.workspace_id, amount=self.random.randint(1, 20), reference=name,
                             reason="storm", at=timezone.now())  # fmt: skip
            self.tell(f"claw_back claw_back:{name}")

    def sweep(self) -> None:
        from django.utils import timezone

        from credits import expiry

        if self.random.random() < 0.1:
            expiry.expire_due(at=timezone.now())


def storm(workspace_id: UUID, *, threads: int, steps: int, seed: int, tell: Callable[[str], None]) -> list[Exception]:
    """Runs that many threads at once; gives what they could not explain. Domain errors are part of the game."""
    from django.db import connections

    faults: list[Exception] = []
    paid: list[tuple[UUID, int]] = []

    def run(number: int) -> None:
        caller = Thread(workspace_id, seed * 1000 + number, tell, paid)
        try:
            for _ in range(steps):
                caller.step()
        except Exception as exc:  # noqa: BLE001 - whatever it is, the test shows it
            faults.append(exc)
        finally:
            connections.close_all()

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return faults


def main(workspace: str, seed: str, file: Path) -> None:
    import django

    django.setup()
    out = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    faults = storm(UUID(workspace), threads=64, steps=100_000, seed=int(seed),
                   tell=lambda line: os.write(out, f"{line}\n".encode()))  # fmt: skip
    raise SystemExit(f"{len(faults)} faults, the first: {faults[0]!r}" if faults else 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
