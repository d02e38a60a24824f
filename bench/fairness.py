"""Benchmark 8: who waits how long, by the product's own queue on a virtual clock, beside first in, first out.

(a) workspaces that stay backlogged get service by weight; (b) one workspace with hundreds of jobs against many with one
to three; (c) a paid lane that could fill every slot, and free jobs; (d) films beside thumbnails.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise

from django.db import connection

from bench import crowd, noop, people
from bench.crowd import Crowd
from bench.ideals import Ask, Member, fifo, fifo_closed, fluid, jain, quantile, served
from bench.measure import Goal, Result, Row, medians
from bench.stand import Stand
from generation.fairness import true_up

NAME = "fairness"
_QUANTUM_SECONDS = 3.0
_SLOTS, _FEW_SLOTS = 20, 6
_MINUTE = 60.0
_WAITING = 10
OURS, FIFO, FLUID = "wildmind", "first in, first out", "exact shares"


def run(stand: Stand, *, rounds: int, smoke: bool) -> Result:
    stand.clone(NAME)
    people.use_database(NAME)
    with connection.cursor() as cursor:
        # Nothing here is timed by the wall; the disk need not be waited for.
        cursor.execute("SET synchronous_commit = off")
    rows: list[Row] = []
    goals: dict[str, list[Goal]] = {}
    for number in range(min(rounds, 3)):
        chance = random.Random(number)  # noqa: S311 - arrivals
        for found, met in _cases(chance, smoke=smoke):
            rows += [{"round": number, **row} for row in found]
            for goal in met:
                goals.setdefault(goal.text, []).append(goal)
    worst = [min(seen, key=lambda goal: goal.value if goal.at_least else -goal.value) for seen in goals.values()]
    shown: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        shown.setdefault((row["case"], row["order"]), []).append(row)
    notes = [
        f"{_FEW_SLOTS if smoke else _SLOTS} slots, jobs of 2 to 4 s, virtual seconds",
        "goals show their worst round, rows the medians",
        "exact shares: a fluid in which every lane and workspace has its share at every moment",
        "throughput: the end of all of (b); the conductor's own time is not in it, see the benchmark of claims",
    ]
    return Result(
        NAME, "Fairness, on a virtual clock", [_shown(medians(found)) for found in shown.values()], worst, notes, rows
    )


def _cases(chance: random.Random, *, smoke: bool) -> Iterator[tuple[list[Row], list[Goal]]]:
    model, slots = noop.MODEL, _FEW_SLOTS if smoke else _SLOTS
    yield backlogged(chance, model=model, slots=slots, minutes=1 if smoke else 5)
    yield flood(chance, model=model, slots=slots, flood_of=40 if smoke else 500, others=15 if smoke else 199)
    yield paid_overload(chance, model=model, slots=slots, seconds=15.0 if smoke else 120.0)
    yield films(chance, model=model, slots=4 if smoke else 8, seconds=40.0 if smoke else 300.0)


def backlogged(chance: random.Random, *, model: str, slots: int, minutes: int) -> tuple[list[Row], list[Goal]]:
    """Ten workspaces of weights 1, 2 and 4 that always have jobs waiting; two conductors, restarted now and then."""
    members = [
        Member(who, weight=weight) for who, weight in zip(crowd.make(10), (1, 1, 1, 2, 2, 2, 4, 4, 4, 4), strict=True)
    ]
    end = minutes * _MINUTE

    def again(world: Crowd, ask: Ask) -> None:
        if world.now < end:
            world.ask(Ask(ask.who, world.now, chance.uniform(2, 4), expected=_QUANTUM_SECONDS))

    world = Crowd(slots=slots, model=model, on_end=again, conductors=2, true_up=true_up)
    for member in members:
        for _ in range(_WAITING):
            world.ask(Ask(member, 0.0, chance.uniform(2, 4), expected=_QUANTUM_SECONDS))
    asks = world.run(until=end)
    asks += world.under_way(until=end)
    world.close()
    index = [
        jain([had.get(member, 0.0) / member.weight for member in members])
        for begin, close in pairwise(number * _MINUTE for number in range(minutes + 1))
        for had in [served(asks, begin, close)]
    ]
    first_come = fifo_closed(dict.fromkeys(members, _WAITING), slots, takes=lambda _: chance.uniform(2, 4), until=end)
    theirs = jain([served(first_come, 0.0, end).get(member, 0.0) / member.weight for member in members])
    goal = Goal("(a) Jain's index of service by weight, the worst minute", min(index), 0.99, at_least=True)
    rows = [
        _row("(a) backlogged", OURS, asks, jain_index=min(index)),
        _row("(a) backlogged", FIFO, first_come, jain_index=theirs),
    ]
    return rows, [goal]


def flood(chance: random.Random, *, model: str, slots: int, flood_of: int, others: int) -> tuple[list[Row], list[Goal]]:
    """One workspace sends everything at once, the others one to three within a minute; a fifth of them pay."""
    flooder, *rest = crowd.make(others + 1)
    heavy = Member(flooder)
    light = [Member(who, lane="pro" if chance.random() < 0.2 else "free") for who in rest]
    asks = [Ask(heavy, 0.0, chance.uniform(2, 4), expected=_QUANTUM_SECONDS) for _ in range(flood_of)]
    for member in light:
        at = chance.uniform(0, _MINUTE)
        asks += [Ask(member, at, chance.uniform(2, 4), expected=_QUANTUM_SECONDS) for _ in range(chance.randint(1, 3))]
    world = Crowd(slots=slots, model=model, true_up=true_up)
    for ask in asks:
        world.ask(ask)
    ours, theirs, ideal = world.run(), fifo(asks, slots), fluid(asks, slots)
    waits = {name: [ask.wait for ask in done if ask.who != heavy] for name, done in _named(ours, theirs, ideal)}
    paid = {name: [ask.wait for ask in done if ask.who.lane == "pro"] for name, done in _named(ours, theirs, ideal)}
    above = (quantile(waits[OURS], 0.95) - quantile(waits[FLUID], 0.95)) / _QUANTUM_SECONDS
    makespan = max(ask.ended for ask in ours) / max(ask.ended for ask in theirs)
    goals = [
        Goal("(b) light p95 wait above its fair share, in service quanta", above, 2.0),
        Goal(
            "(b) paid p50 wait over first in, first out's",
            quantile(paid[OURS], 0.5) / max(0.001, quantile(paid[FIFO], 0.5)),
            0.1,
        ),
        Goal("(b) throughput cost: end of all over first in, first out's", makespan, 1.05),
    ]
    rows = []
    for name, done in _named(ours, theirs, ideal):
        rows.append(_row("(b) flood, light", name, [ask for ask in done if ask.who != heavy]))
        rows.append(_row("(b) flood, paid", name, [ask for ask in done if ask.who.lane == "pro"]))
    return rows, goals


def paid_overload(chance: random.Random, *, model: str, slots: int, seconds: float) -> tuple[list[Row], list[Goal]]:
    """Paid jobs that alone would keep every slot busy, and forty free workspaces with two jobs each."""
    made = crowd.make(60)
    paid = [Member(who, lane="pro") for who in made[:20]]
    free = [Member(who, lane="free") for who in made[20:]]
    asks: list[Ask] = []
    at = 0.0
    while at < seconds:
        at += chance.expovariate(slots / _QUANTUM_SECONDS)
        asks.append(Ask(chance.choice(paid), at, chance.uniform(2, 4), expected=_QUANTUM_SECONDS))
    for member in free:
        at = chance.uniform(0, seconds / 2)
        asks += [Ask(member, at, chance.uniform(2, 4), expected=_QUANTUM_SECONDS) for _ in range(2)]
    world = Crowd(slots=slots, model=model, true_up=true_up)
    for ask in asks:
        world.ask(ask)
    ours, theirs, ideal = world.run(), fifo(asks, slots), fluid(asks, slots)
    worst = {
        name: max(ask.wait for ask in done if ask.who.lane == "free") for name, done in _named(ours, theirs, ideal)
    }
    # The lane's share of the slots serves it whatever the paid lane does: the fluid's wait is that bound.
    above = (worst[OURS] - worst[FLUID]) / _QUANTUM_SECONDS
    goal = Goal("(c) longest free wait above the bound of its lane's share, in service quanta", above, 2.0)
    rows = []
    for name, done in _named(ours, theirs, ideal):
        rows += [_row(f"(c) paid at 100 %, {lane}", name, [ask for ask in done if ask.who.lane == lane])
                 for lane in ("pro", "free")]  # fmt: skip
    return rows, [goal]


def films(chance: random.Random, *, model: str, slots: int, seconds: float) -> tuple[list[Row], list[Goal]]:
    """A workspace of films and one of thumbnails, both backlogged: a film counts for what it takes."""
    film, thumbs = (Member(who) for who in crowd.make(2))
    takes = {film: 30.0, thumbs: 2.0}

    def again(world: Crowd, ask: Ask) -> None:
        if world.now < seconds:
            world.ask(Ask(ask.who, world.now, takes[ask.who] * chance.uniform(0.9, 1.1), expected=takes[ask.who]))

    world = Crowd(slots=slots, model=model, on_end=again, true_up=true_up)
    for member in (film, thumbs):
        for _ in range(3 * slots):
            world.ask(Ask(member, 0.0, takes[member], expected=takes[member]))
    asks = world.run(until=seconds)
    asks += world.under_way(until=seconds)
    world.close()
    had = served(asks, 0.0, seconds)
    waiting = {film: 3 * slots, thumbs: 3 * slots}
    first_come = served(fifo_closed(waiting, slots, takes=lambda who: takes[who], until=seconds), 0.0, seconds)
    apart = abs(had[film] - had[thumbs]) / takes[film]
    goal = Goal("(d) service of films and of thumbnails apart, in films", apart, 2.0)
    rows = [
        _row("(d) films", OURS, [ask for ask in asks if ask.who == film], jain_index=jain(list(had.values()))),
        _row("(d) thumbnails", OURS, [ask for ask in asks if ask.who == thumbs], jain_index=jain(list(had.values()))),
        _row("(d) films", FIFO, [], jain_index=jain(list(first_come.values()))),
    ]
    return rows, [goal]


def _named(ours: Sequence[Ask], theirs: Sequence[Ask], ideal: Sequence[Ask]) -> list[tuple[str, Sequence[Ask]]]:
    return [(OURS, ours), (FIFO, theirs), (FLUID, ideal)]


def _row(case: str, order: str, asks: Sequence[Ask], *, jain_index: float = float("nan")) -> Row:
    waits = [ask.wait for ask in asks]
    return {
        "case": case, "order": order, "jobs": float(len(asks)), "p50 s": quantile(waits, 0.5),
        "p95 s": quantile(waits, 0.95), "max s": max(waits, default=0.0), "Jain": jain_index,
    }  # fmt: skip


def _shown(row: Row) -> Row:
    jobs, index = row.pop("jobs"), row.pop("Jain")
    row.pop("round")
    return {**row, "jobs": round(jobs), "Jain": "" if index != index else f"{index:.3f}"}
