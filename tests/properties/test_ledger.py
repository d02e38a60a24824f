"""Any sequence of the ledger's verbs, some sent twice, some late: every lot, every total, every invariant."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.ledger_machine import LedgerMachine

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def run(machine, *, examples: int, steps: int, seed: int, **more):
    """Runs a machine from a fixed seed, so that a failure comes again."""
    machine._hypothesis_internal_use_seed = seed
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None, database=None,
                          suppress_health_check=list(HealthCheck), **more),
    )  # fmt: skip


class TestLedger:
    @pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.long) for seed in (3, 4))])
    def test_equals_its_model_after_any_sequence(self, seed):
        """Four runs of more than 2,500 steps each: over 10,000 in all, half of them in `make test-long`."""

        class Machine(LedgerMachine):
            steps = 0

        run(Machine, examples=60, steps=50, seed=seed)
        assert Machine.steps > 2_500
