"""The ledger in plain Python, as simple as it can be said: what the real one must equal, lot by lot."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from credits import ledger

FAR = datetime.max.replace(tzinfo=UTC)


# Two lots that look alike are two lots.
@dataclass(eq=False)
class Lot:
    origin: str
    amount: int
    left: int
    starts: datetime
    ends: datetime | None
    priority: int = 50
    paid: bool = False
    pipelines: tuple[str, ...] = ()
    roll: tuple[int, int | None, int] | None = None
    generation: int = 0

    def expired(self, now):
        return self.ends is not None and self.ends <= now

    def row(self):
        return (self.origin, self.amount, self.left, self.starts, self.ends, self.priority, self.paid, self.pipelines)


@dataclass
class Hold:
    amount: int
    draws: list[tuple[Lot, int]]
    made: datetime
    key: str
    model: str
    kept: list[int]
    open: bool = True
    refunded: int = 0

    @property
    def captured(self):
        return sum(self.kept)

    @property
    def counts(self):
        return self.amount if self.open else self.captured - self.refunded


class Model:
    def __init__(self) -> None:
        self.lots: list[Lot] = []
        self.holds: dict[str, Hold] = {}
        self.limits: dict[tuple[str, str, str], int] = {}
        self.debt = 0

    @property
    def held(self):
        return sum(hold.amount - hold.captured for hold in self.holds.values() if hold.open)

    @property
    def balance(self):
        return sum(lot.left for lot in self.lots) + self.held - self.debt

    def order(self, now, pipeline=None):
        live = [lot for lot in self.lots if not lot.expired(now)]
        if pipeline is not None:
            live = [lot for lot in live if lot.starts <= now and (not lot.pipelines or pipeline in lot.pipelines)]
        return sorted(live, key=lambda lot: (lot.priority, lot.ends or FAR, lot.paid, self.lots.index(lot)))

    def available(self, now):
        return max(0, sum(lot.left for lot in self.lots if not lot.expired(now) and lot.starts <= now) - self.debt)

    def add(self, lot, now):
        self.lots.append(lot)
        self.repay(now)

    def draw(self, lots, amount):
        draws = []
        for lot in lots:
            take = min(lot.left, amount)
            if take:
                lot.left -= take
                amount -= take
                draws.append((lot, take))
        return draws

    def repay(self, now):
        self.debt -= sum(take for _, take in self.draw(self.order(now), self.debt))

    def take(self, amount, now, first=None):
        """A claw-back: the lot bought first, whatever its date; what is not there is owed."""
        lots = [lot for lot in self.order(now) if lot is not first]
        taken = sum(take for _, take in self.draw(([first] if first else []) + lots, amount))
        self.debt += amount - taken
        return taken

    def adjust_down(self, amount, now):
        if sum(lot.left for lot in self.order(now)) < amount:
            return False
        self.draw(self.order(now), amount)
        return True

    def used(self, limit, now):
        scope, subject, period = limit
        return sum(
            hold.counts
            for hold in self.holds.values()
            if {"wallet": "", "key": hold.key, "model": hold.model}[scope] == subject
            and (period == "total" or _start(period, hold.made) == _start(period, now))
        )

    def hold(self, reference, amount, pipeline, key, model, now):
        if self.debt:
            return "debt"
        for limit, most in self.limits.items():
            concerned = {"wallet": "", "key": key, "model": model}[limit[0]] == limit[1]
            if concerned and self.used(limit, now) + amount > most:
                return "limited"
        lots = self.order(now, pipeline)
        if sum(lot.left for lot in lots) < amount:
            return "insufficient"
        draws = self.draw(lots, amount)
        self.holds[reference] = Hold(amount, draws, now, key, model, [0] * len(draws))
        return "held"

    def keep(self, hold, more):
        nths = sorted(range(len(hold.draws)), key=lambda nth: (hold.draws[nth][0].ends or FAR, nth))
        for nth in nths:
            take = min(more, hold.draws[nth][1] - hold.kept[nth])
            hold.kept[nth] += take
            more -= take

    def settle(self, reference, total, now):
        hold = self.holds[reference]
        self.keep(hold, total - hold.captured)
        hold.open = False
        back = [(lot, take - kept) for (lot, take), kept in zip(hold.draws, hold.kept, strict=True)]
        self.give_back(back, now)

    def refund(self, reference, amount, now):
        hold = self.holds[reference]
        nths = sorted(range(len(hold.draws)), key=lambda nth: (hold.draws[nth][0].ends or FAR, nth), reverse=True)
        skip, back = hold.refunded, [0] * len(hold.draws)
        hold.refunded += amount
        for nth in nths:
            there = hold.kept[nth] - min(skip, hold.kept[nth])
            skip -= min(skip, hold.kept[nth])
            back[nth] = min(there, amount)
            amount -= back[nth]
        self.give_back([(lot, back[nth]) for nth, (lot, _) in enumerate(hold.draws)], now)

    def give_back(self, amounts, now):
        for lot, amount in amounts:
            if amount and not lot.expired(now):
                lot.left += amount
            elif amount:
                self.lots.append(
                    Lot("grace", amount, amount, now, now + ledger.GRACE, lot.priority, lot.paid, lot.pipelines)
                )
        self.repay(now)

    def retire(self, lot, now, until=None):
        """Gives (rolled over, expired)."""
        if not lot.expired(now) or not lot.left:
            return 0, 0
        kept = 0
        if until and lot.roll and lot.generation < lot.roll[2] and until > lot.ends:
            percent, most, _ = lot.roll
            kept = min(lot.left, lot.amount * percent // 100, lot.left if most is None else most)
        expired, lot.left = lot.left - kept, 0
        if kept:
            self.add(
                Lot("rolled_over", kept, kept, lot.ends, until, lot.priority, lot.paid, lot.pipelines, lot.roll,
                    lot.generation + 1), now,
            )  # fmt: skip
        return kept, expired


def _start(period: str, moment: datetime) -> date:
    return moment.date() if period == "day" else moment.date().replace(day=1)


def days(number: float) -> timedelta:
    return timedelta(days=number)
