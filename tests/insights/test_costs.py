"""Our books beside a provider's invoice."""

from datetime import date

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from core.errors import FieldsRejected
from insights import costs
from providers import invoices
from tests.flows.test_fallback import finished, order

pytestmark = pytest.mark.django_db(transaction=True)


def month():
    now = timezone.now()
    return date(now.year, now.month, 1)


def bill(*rows, kind="openai"):
    lines = ["month,model,usd", *(f"{month():%Y-%m},{model},{usd}" for model, usd in rows)]
    return invoices.load(kind=kind, lines=lines, source="test.csv", at=timezone.now())


class TestReport:
    def test_puts_what_was_booked_beside_what_was_billed(self, person, houses):
        for _ in range(2):
            finished(order(person))
        bill(("painter", "0.07"))
        (row,) = [row for row in costs.report(month=month()) if row.model == "painter"]
        # 1,056 tokens of a picture at 30 micro-dollars, twice; the file's expression counts nothing else.
        assert (row.calls, row.ours_usd_micros, row.estimated) == (2, 2 * 1_056 * 30, 0.0)
        assert row.billed_usd_micros == 70_000
        assert row.variance == pytest.approx(70_000 / 63_360 - 1)
        assert not row.is_apart

    def test_names_a_model_whose_invoice_is_another(self, person, houses, capsys):
        finished(order(person))
        bill(("painter", "0.31"), ("never-used", "4.00"))
        with pytest.raises(CommandError, match="painter"):
            call_command("cost_report", month=f"{month():%Y-%m}")
        assert "never-used" in capsys.readouterr().out

    def test_of_a_provider_that_bills_in_all_compares_the_sum(self, person, houses):
        finished(order(person))
        bill(("", "0.03168"))
        (row,) = [row for row in costs.report(month=month()) if not row.model]
        assert (row.kind, row.ours_usd_micros, row.billed_usd_micros) == ("openai", 31_680, 31_680)

    def test_says_how_much_of_it_nobody_proved(self, person, houses):
        houses.first.always("no_usage")
        finished(order(person))
        (row,) = [row for row in costs.report(month=month()) if row.model == "painter"]
        assert row.estimated == 1.0


class TestInvoice:
    @pytest.mark.parametrize(
        ("line", "reason"),
        [("2026-13,a,1", "a month looks like"), ("2026-11,a,1e999999", "amount"), ("2026-11,a,-1", "amount"),
         ("2026-11,a,0.0000001", "six decimals"), ("2026-11,a,NaN", "amount")],
    )  # fmt: skip
    def test_that_is_wrong_in_a_line_is_not_taken_at_all(self, db, line, reason):
        with pytest.raises(FieldsRejected) as refused:
            invoices.load(
                kind="openai", lines=["month,model,usd", "2026-11,good,1.00", line], source="x", at=timezone.now()
            )  # fmt: skip
        assert reason in refused.value.extra["errors"][0]["reason"]
        assert invoices.of_month(date(2026, 11, 1)) == []

    def test_that_is_read_again_replaces_what_it_said(self, db):
        bill(("a", "1.00"))
        bill(("a", "1.25"))
        assert [line.usd_micros for line in invoices.of_month(month())] == [1_250_000]
