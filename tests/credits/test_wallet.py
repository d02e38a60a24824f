"""What people read about their credits: the statement in words, the files, the forecast, the usage and the notices."""

import csv
import io
import os
import smtplib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as site
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEvent, Membership
from core.errors import FieldsRejected
from credits import (
    chart,
    expiry,
    export,
    forecast,
    ledger,
    notices,
    overview,
    quotas,
    refunds,
    renewals,
    selectors,
    subjects,
    usage,
    wording,
)
from credits.ledger import Rollover, Terms
from credits.models import Notice, Posting, UsageRecord, Wallet, Watch
from credits.selectors import LotView
from credits.usage import Period
from generation.models import Job
from tests.factories.accounts import make_person
from tests.factories.generation import submit, work_off

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(microsecond=0)
DAY = timedelta(days=1)
REFUNDS = Path(site.BASE_DIR) / "docs" / "refunds.md"


@pytest.fixture
def owner():
    return make_person(credits=0)


@pytest.fixture
def workspace_id(owner):
    return owner.workspace_id


@pytest.fixture(autouse=True)
def _every_invariant_holds():
    yield
    assert selectors.violations() == []


def grant(workspace_id, amount, *, days: float | None = None, at=NOW, origin="goodwill", reason="A gift", **terms: Any):
    ends_at = NOW + days * DAY if days is not None else None
    ledger.grant(
        workspace_id=workspace_id, amount=amount, reference=str(uuid4()), at=at, reason=reason,
        terms=Terms(origin, ends_at, **terms),
    )  # fmt: skip


def hold(workspace_id, amount, *, reference=None, at=NOW):
    return ledger.hold(workspace_id=workspace_id, amount=amount, reference=reference or f"job:{uuid4()}", at=at).id


def wallet_id(workspace_id):
    return selectors.wallet_of(workspace_id=workspace_id, sandbox=False).id


def told(workspace_id, **filters: Any):
    """The statement as it is read: the words, the figure, what came back, the balance."""
    rows = selectors.statement(wallet_id=wallet_id(workspace_id), **filters)
    return [(wording.line(row), row.amount, row.released, row.balance) for row in rows]


def use(
    workspace_id, credits=10, *, at=NOW, model="sketch-image", sandbox=False, unit="image", quantity=2, **more: Any
):
    return UsageRecord.objects.create(
        workspace_id=workspace_id, sandbox=sandbox, at=at, job_id=uuid4(), step_id=uuid4(), pipeline="image",
        model=model, unit=unit, quantity=quantity, credits=credits, cost_usd_micros=more.pop("cost_usd_micros", 777),
        **more,
    )  # fmt: skip


def csv_of(pieces):
    return list(csv.reader(io.StringIO(b"".join(pieces).decode())))


class TestRefundMatrix:
    def test_in_the_documents_is_the_one_of_the_database(self):
        text = REFUNDS.read_text()
        begin, end = "<!-- matrix: begin -->\n", "<!-- matrix: end -->"
        head, rest = text.split(begin)
        written, tail = rest.split(end)
        if os.environ.get("WRITE_DOCS"):
            REFUNDS.write_text(f"{head}{begin}{refunds.markdown()}{end}{tail}")
        else:
            assert written == refunds.markdown()

    def test_has_a_row_for_every_cause_with_its_words(self):
        rows = {row.cause: row for row in refunds.matrix()}
        assert len(rows) == 15
        assert rows["provider_failed"] == refunds.Row(
            "provider_failed", "nothing", "The model failed", "Everything came back."
        )
        assert {row.cause for row in rows.values() if row.captures == "delivered"} == {
            "delivered", "partly_delivered", "canceled_while_running"
        }  # fmt: skip

    def test_gives_an_unknown_cause_as_it_is(self):
        assert refunds.title("delivered") == "Delivered"
        assert refunds.title("a mystery") == "a mystery"


class TestStatement:
    def test_says_what_happened_and_why_in_each_line(self, workspace_id):
        grant(workspace_id, 100, reason="Welcome")
        ledger.capture(hold_id=hold(workspace_id, 20), amount=5, at=NOW, reason="partly_delivered")
        ledger.void(hold_id=hold(workspace_id, 5), at=NOW, reason="provider_failed")
        paid = hold(workspace_id, 10)
        ledger.capture(hold_id=paid, amount=10, at=NOW, reason="delivered")
        ledger.refund(hold_id=paid, amount=4, reference="r", reason="Not as asked", at=NOW)
        ledger.adjust(workspace_id=workspace_id, amount=-2, reference="a", reason="A typo", actor="user:1", at=NOW)
        ledger.claw_back(workspace_id=workspace_id, amount=100, reference="c", reason="Dispute", at=NOW)
        grant(workspace_id, 50, reason="Top-up")
        assert told(workspace_id) == [
            ("Owed credits repaid", 0, 0, 37),
            ("Credits added: Top-up", 50, 0, 37),
            ("Taken back because a payment was reversed: Dispute", -100, 0, -13),
            ("Correction: A typo", -2, 0, 87),
            ("Refund: Not as asked", 4, 0, 89),
            ("Generation: Delivered", -10, 0, 85),
            ("Returned: The model failed", 0, 5, 95),
            ("Generation: Partly delivered", -5, 15, 95),
            ("Credits added: Welcome", 100, 0, 100),
        ]
        assert selectors.statement(wallet_id=wallet_id(workspace_id))[0].moved == 13

    def test_tells_of_expiry_rollover_and_what_came_back_too_late(self, workspace_id):
        grant(workspace_id, 10, days=-1, at=NOW - 9 * DAY, origin="welcome")
        ledger.void(hold_id=hold(workspace_id, 4, at=NOW - 2 * DAY), at=NOW, reason="timed_out")
        expiry.expire_due(at=NOW)
        renewals.renew(
            workspace_id=workspace_id, reference="plan", amount=100, starts_at=NOW - 8 * DAY, ends_at=NOW - DAY,
            at=NOW - 8 * DAY, rollover=Rollover(30),
        )  # fmt: skip
        renewals.renew(
            workspace_id=workspace_id, reference="plan", amount=100, starts_at=NOW - DAY, ends_at=NOW + 8 * DAY, at=NOW
        )
        rows = selectors.statement(wallet_id=wallet_id(workspace_id))
        assert [(wording.line(row), row.amount, row.moved, row.balance) for row in rows] == [
            ("Expired: Plan", -70, 0, 134),
            ("Rolled over to the next period", 0, 30, 204),
            ("Credits added: Renewal", 100, 0, 204),
            ("Credits added: Renewal", 100, 0, 104),
            ("Expired: Welcome credits", -6, 0, 4),
            ("Kept for 30 more days", 0, 4, 10),
            ("Returned: The model did not answer in time", 0, 0, 10),
            ("Credits added: A gift", 10, 0, 10),
        ]

    def test_has_words_for_every_kind_of_posting_and_a_filter(self):
        assert set(Posting.Kind.values) == wording.KINDS
        shown = [kind for _, kinds in wording.FILTERS.values() for kind in kinds]
        assert sorted(shown) == sorted(Posting.Kind.values)

    def test_is_filtered_by_kind_and_paged(self, workspace_id):
        grant(workspace_id, 100)
        for _ in range(3):
            ledger.capture(hold_id=hold(workspace_id, 5), amount=5, at=NOW, reason="delivered")
        grant(workspace_id, 7)
        wallet = wallet_id(workspace_id)
        assert [row.amount for row in selectors.statement(wallet_id=wallet, kinds=("grant",))] == [7, 100]
        first = selectors.statement(wallet_id=wallet, kinds=("capture", "void"), limit=2)
        rest = selectors.statement(wallet_id=wallet, kinds=("capture", "void"), before=first[-1].id)
        assert [row.balance for row in (*first, *rest)] == [85, 90, 95]

    def test_reads_rare_kinds_by_an_index_of_their_own(self, workspace_id):
        rows = Posting.objects.filter(wallet_id=wallet_id(workspace_id), kind__in=["grant"]).exclude(
            kind__in=selectors.COMMON_KINDS
        )
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
            # In an empty table both cost the same.
            cursor.execute("DROP INDEX credits_posting_statement")
        assert "credits_posting_rare" in rows.order_by("-id")[:20].explain()

    def test_links_to_a_job_only_while_its_page_is_there(self, person, stranger):
        kept, trashed = submit(person), submit(person)
        foreign = submit(stranger)
        Job.objects.filter(id=trashed).update(trashed_at=NOW)
        names = [f"job:{job}" for job in (kept, trashed, foreign, uuid4())]
        pages = subjects.links(
            workspace_id=person.workspace_id, sandbox=False, subjects=[*names, "job:1", "", "other:2"]
        )
        assert pages == {f"job:{kept}": f"/studio/jobs/{subjects.public_id(f'job:{kept}')}"}
        browser = person.browser()
        assert browser.get(pages[f"job:{kept}"]).status_code == 200
        assert browser.get(f"/studio/jobs/{subjects.public_id(f'job:{trashed}')}").status_code == 404


class TestNextRefill:
    def start(self, workspace_id, amount, at, **more):
        renewals.start(
            workspace_id=workspace_id, reference=str(uuid4()), amount=amount, anchor_at=at, at=NOW, **more
        )  # fmt: skip

    def test_is_the_soonest_grant_that_will_be_made(self, workspace_id):
        self.start(workspace_id, 500, NOW + 9 * DAY)
        self.start(workspace_id, 100, NOW + 3 * DAY)
        self.start(workspace_id, 20, NOW + 3 * DAY)
        self.start(workspace_id, 900, NOW + DAY, ends_at=NOW + DAY)
        found = selectors.next_refill(wallet_id=wallet_id(workspace_id), at=NOW)
        assert found == selectors.Refill(NOW + 3 * DAY, 120)

    def test_is_nothing_without_an_allowance(self, workspace_id):
        assert selectors.next_refill(wallet_id=wallet_id(workspace_id), at=NOW) is None


class TestForecast:
    def lot(self, remaining, days=None):
        return LotView(uuid4(), "goodwill", "Goodwill", remaining, remaining, NOW + days * DAY if days else None)

    def told(self, lots, used, days):
        found = forecast.forecast(lots=lots, used=forecast.Pace(used, days), at=NOW)
        return (found.lasts_days, found.unused)

    def test_divides_what_there_is_by_the_pace(self):
        assert self.told([self.lot(90)], used=140, days=14) == (9, 0)
        assert self.told([self.lot(99)], used=140, days=14) == (9, 0)

    def test_does_not_count_what_expires_before_it_is_used(self):
        assert self.told([self.lot(100, days=5), self.lot(40)], used=140, days=14) == (9, 50)
        assert self.told([self.lot(40), self.lot(100, days=5)], used=140, days=14) == (5, 90)
        assert self.told([self.lot(60), self.lot(100, days=5)], used=140, days=14) == (6, 100)

    def test_knows_no_end_when_nothing_is_used(self):
        assert self.told([self.lot(100, days=5), self.lot(40)], used=0, days=14) == (None, 100)

    def test_says_nothing_from_too_little_history(self, workspace_id):
        use(workspace_id, 100, at=NOW - 3 * DAY + timedelta(minutes=1))
        pace = forecast.pace(workspace_id=workspace_id, sandbox=False, at=NOW)
        assert pace == forecast.Pace(100, None)
        assert forecast.forecast(lots=[], used=pace, at=NOW) is None

    def test_takes_the_last_two_weeks_or_a_younger_wallets_whole_life(self, workspace_id):
        use(workspace_id, 30, at=NOW - 4.5 * DAY)
        use(workspace_id, 12, at=NOW)
        use(workspace_id, 999, at=NOW, sandbox=True)
        assert forecast.pace(workspace_id=workspace_id, sandbox=False, at=NOW) == forecast.Pace(42, 5)
        use(workspace_id, 500, at=NOW - 15 * DAY)
        assert forecast.pace(workspace_id=workspace_id, sandbox=False, at=NOW) == forecast.Pace(42, 14)

    def test_has_no_pace_before_anything_was_used(self, workspace_id):
        assert forecast.pace(workspace_id=workspace_id, sandbox=False, at=NOW) == forecast.Pace(0, None)


class TestStatementFile:
    def lines(self, workspace_id, since=None, until=NOW + DAY):
        return csv_of(export.statement(wallet_id=wallet_id(workspace_id), since=since, until=until))

    def test_is_these_bytes(self, workspace_id):
        at = datetime(2026, 11, 3, 9, 30, 15, tzinfo=UTC)
        job = "0190a1b2-0000-7000-8000-000000000001"
        grant(workspace_id, 100, at=at, reason="Welcome, all")
        held = hold(workspace_id, 20, reference=f"job:{job}", at=at)
        ledger.capture(hold_id=held, amount=5, at=at, reason="partly_delivered")
        first, second = Posting.objects.order_by("id").values_list("id", flat=True)
        made = b"".join(export.statement(wallet_id=wallet_id(workspace_id), since=None, until=NOW + DAY))
        assert made.decode() == (
            "id,time,kind,what,subject,credits,returned,moved,balance\r\n"
            f'txn_{first},2026-11-03T09:30:15Z,grant,"Credits added: Welcome, all",,100,0,0,100\r\n'
            f"txn_{second},2026-11-03T09:30:15Z,capture,Generation: Partly delivered,"
            f"{subjects.public_id(f'job:{job}')},-5,15,0,95\r\n"
        )

    def test_holds_a_period_and_only_the_own_wallet(self, workspace_id, person):
        for days in (3, 2, 1):
            grant(workspace_id, days, at=NOW - days * DAY)
        found = self.lines(workspace_id, since=NOW - 2 * DAY, until=NOW - DAY)
        assert [row[5] for row in found[1:]] == ["2"]
        assert [row[8] for row in self.lines(workspace_id)[1:]] == ["3", "5", "6"]

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1"])
    def test_has_no_cell_that_a_spreadsheet_takes_for_a_formula(self, text):
        assert csv_of([export._lines([[text, -5]])]) == [[f"'{text}", "-5"]]

    def test_of_many_lines_is_read_in_pieces_and_stays_small(self, workspace_id):
        import tracemalloc

        grant(workspace_id, 1)
        wallet = wallet_id(workspace_id)
        with connection.cursor() as cursor:
            # Voids need no entries, and 12,000 checks that they have none are not what this is about.
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(
                "INSERT INTO credits_posting (kind, reference, inputs_hash, actor, reason, subject, at, wallet_id, "
                "amount, released, balance_after) SELECT 'void', 'many:' || n, '', 'system', 'timed_out', '', %s, %s, "
                "0, 5, 1 FROM generate_series(1, 12000) n",
                [NOW, wallet],
            )
            cursor.execute("SET LOCAL session_replication_role = origin")
        tracemalloc.start()
        lines = sum(piece.count(b"\n") for piece in export.statement(wallet_id=wallet, since=None, until=NOW + DAY))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert lines == 12_002
        # All lines at once would be more than twice as much.
        assert peak < 3_000_000, peak


class TestUsage:
    PERIOD = Period(NOW.date() - 29 * DAY, NOW.date())

    def grouped(self, workspace_id, by):
        rows = usage.grouped(workspace_id=workspace_id, sandbox=False, period=self.PERIOD, group_by=by)
        return [(row.label, row.credits, row.count, [(u.unit, u.quantity) for u in row.units]) for row in rows]

    def test_sums_raw_units_for_each_group(self, workspace_id):
        use(workspace_id, 10, quantity=2)
        use(workspace_id, 5, quantity=1)
        use(workspace_id, 40, model="film", unit="second", quantity=Decimal("6.5"))
        use(workspace_id, 1, model="film", unit="call", quantity=1)
        assert self.grouped(workspace_id, "model") == [
            ("film", 41, 2, [("call", 1), ("second", Decimal("6.5"))]),
            ("sketch-image", 15, 2, [("image", 3)]),
        ]
        assert self.grouped(workspace_id, "pipeline") == [
            ("image", 56, 4, [("call", 1), ("image", 3), ("second", Decimal("6.5"))])
        ]

    def test_leaves_out_the_sandbox_others_and_what_only_cost_us(self, workspace_id, person):
        use(workspace_id, 10, sandbox=True)
        use(person.workspace_id, 10)
        use(workspace_id, 0, quantity=0)
        assert self.grouped(workspace_id, "model") == []

    def test_has_utc_days_in_order_and_nothing_outside_the_period(self, workspace_id):
        midnight = datetime.combine(NOW.date(), datetime.min.time(), UTC)
        for at in (self.PERIOD.since, self.PERIOD.since - timedelta(microseconds=1), midnight,
                   midnight - timedelta(microseconds=1), self.PERIOD.until):  # fmt: skip
            use(workspace_id, 5, at=at)
        days = [label for label, *_ in self.grouped(workspace_id, "day")]
        assert days == [str(self.PERIOD.first), str(NOW.date() - DAY), str(NOW.date())]

    def test_names_keys_and_members_and_those_who_are_gone(self, owner, workspace_id):
        from accounts.models import ApiKey

        owner.api()
        key = ApiKey.objects.get()
        use(workspace_id, 9, key_id=key.id, member_id=owner.user.id)
        use(workspace_id, 5, key_id=uuid4(), member_id=uuid4())
        use(workspace_id, 1)
        assert [row[0] for row in self.grouped(workspace_id, "key")] == ["test", "A former key", "On the site"]
        assert [row[0] for row in self.grouped(workspace_id, "member")] == [
            owner.user.email, "A former member", "Nobody"
        ]  # fmt: skip

    @pytest.mark.parametrize("by", usage.GROUPS)
    def test_asks_the_same_few_questions_however_much_there_is(self, workspace_id, by):
        counts = []
        for many in (1, 12):
            for number in range(many):
                use(workspace_id, 1, model=f"m{number}", key_id=uuid4(), member_id=uuid4(), at=NOW - number * DAY)
            with CaptureQueriesContext(connection) as asked:
                self.grouped(workspace_id, by)
            counts.append(len(asked))
        assert counts[0] == counts[1] <= 2

    def test_refuses_periods_that_make_no_sense(self):
        today = date(2026, 11, 25)
        assert usage.read_period(first="", last="", today=today) == Period(date(2026, 10, 27), today)
        assert usage.read_period(first="2026-08-26", last="", today=today).first == date(2026, 8, 26)
        for first, last in (("2026-08-25", ""), ("2026-11-26", ""), ("nonsense", ""), ("", "20261125"),
                            ("9999-12-31", "9999-12-31"), ("2026-02-30", "2026-03-01")):  # fmt: skip
            with pytest.raises(FieldsRejected):
                usage.read_period(first=first, last=last, today=today)

    def test_is_exported_line_by_line_without_what_it_cost_us(self, owner, workspace_id):
        at = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
        for number in range(2_003):
            use(workspace_id, number, at=at, quantity=Decimal("2.5"), unit="second", member_id=owner.user.id)
        period = Period(at.date(), at.date())
        lines = csv_of(export.used(workspace_id=workspace_id, sandbox=False, period=period))
        assert lines[0] == list(export.USAGE_COLUMNS)
        assert not any("cost" in name for name in lines[0])
        assert sorted(int(line[6]) for line in lines[1:]) == list(range(2_003))
        assert lines[1][:1] + lines[1][2:6] == ["2026-11-03T09:30:00Z", "image", "sketch-image", "second", "2.5"]
        assert lines[1][8] == owner.user.email


class TestChart:
    def days(self, *figures):
        return [usage.Day(date(2026, 11, 1) + number * DAY, dict(by)) for number, by in enumerate(figures)]

    def test_stacks_models_to_the_height_of_the_highest_day(self):
        drawn = chart.draw(self.days({"a": 30, "b": 10}, {}, {"b": 20}))
        assert (drawn.total, drawn.most, drawn.most_on) == (60, 40, date(2026, 11, 1))
        assert drawn.models == ["a", "b"]
        assert [(s.series, s.y, s.height) for s in drawn.segments] == [(1, 250, 750), (2, 0, 250), (2, 500, 500)]

    def test_gives_many_models_one_colour(self):
        drawn = chart.draw(self.days({"a": 9, "b": 8, "c": 7, "d": 6, "e": 5}))
        assert drawn.models == ["a", "b", "c", chart.OTHERS]
        assert drawn.rows[0][1] == [9, 8, 7, 11]
        assert chart.draw(self.days({"a": 9, "b": 8, "c": 7, "d": 6})).models == ["a", "b", "c", "d"]

    def test_is_nothing_when_nothing_was_used(self):
        assert chart.draw(self.days({}, {"a": 0})) is None


class TestOverview:
    def test_holds_what_the_page_shows(self, owner, workspace_id):
        grant(workspace_id, 100, days=5)
        grant(workspace_id, 500)
        job = submit(owner)
        quotas.set_limit(
            workspace_id=workspace_id, scope="member", subject=str(owner.user.id), period="day", amount=50, at=NOW
        )
        view = overview.overview(workspace_id=workspace_id, sandbox=False, at=timezone.now())
        assert (view.available, view.held, view.ending, view.low) == (595, 5, 95, False)
        assert [(hold.amount, hold.url) for hold in view.holds] == [
            (5, f"/studio/jobs/{subjects.public_id(f'job:{job}')}")
        ]
        assert [(row.label, row.spell, row.amount, row.used) for row in view.limits] == [
            (f"Member: {owner.user.email}", "today", 50, 5)
        ]
        work_off()
        view = overview.overview(workspace_id=workspace_id, sandbox=False, at=timezone.now())
        assert [(row.model, row.credits, row.units) for row in view.usage.models] == [("sketch-image", 5, "1 image")]

    def test_asks_the_same_questions_however_much_there_is(self, owner, workspace_id):
        counts = []
        for many in (1, 9):
            for number in range(many):
                grant(workspace_id, 50, days=3 + number)
                submit(owner)
                use(workspace_id, 5, model=f"m{many}{number}", at=NOW - number * DAY)
                quotas.set_limit(
                    workspace_id=workspace_id,
                    scope="model",
                    subject=f"m{many}{number}",
                    period="day",
                    amount=500,
                    at=NOW,
                )
            with CaptureQueriesContext(connection) as asked:
                overview.overview(workspace_id=workspace_id, sandbox=False, at=timezone.now())
            counts.append(len(asked))
        assert counts[0] == counts[1] <= 14


@pytest.fixture
def sent(django_capture_on_commit_callbacks, monkeypatch):
    """Runs a sweep, and what it hands over, as the conductor and a worker would; gives the mails."""
    from core.queueing import TaskRef

    asked = []
    monkeypatch.setattr(TaskRef, "send", lambda ref, **_: asked.append(ref.name))

    def sweep(at=NOW):
        asked.clear()
        before = len(mail.outbox)
        with django_capture_on_commit_callbacks(execute=True):
            notices.raise_due(at=at)
        if asked:
            assert asked == ["credits.send_notices"]
            notices.send_due(at=at)
        return mail.outbox[before:]

    return sweep


def spend(workspace_id, amount):
    ledger.capture(hold_id=hold(workspace_id, amount), amount=amount, at=NOW, reason="delivered")


class TestLowBalance:
    def test_is_told_once_for_each_fall(self, owner, workspace_id, sent):
        grant(workspace_id, 100)
        assert sent() == []
        spend(workspace_id, 51)
        (told,) = sent()
        assert told.to == [owner.user.email]
        assert told.subject == "49 credits left at Wildmind"
        assert sent() == []
        spend(workspace_id, 10)
        assert sent() == []
        grant(workspace_id, 100)
        assert sent() == []
        spend(workspace_id, 100)
        assert len(sent()) == 1

    def test_begins_below_the_threshold_and_not_at_it(self, workspace_id, sent):
        grant(workspace_id, 100)
        spend(workspace_id, 50)
        assert sent() == []
        spend(workspace_id, 1)
        assert len(sent()) == 1

    def test_is_not_told_while_credits_are_only_held(self, workspace_id, sent):
        grant(workspace_id, 100)
        sent()
        held = hold(workspace_id, 90)
        assert sent() == []
        ledger.void(hold_id=held, at=NOW, reason="provider_failed")
        assert sent() == []

    def test_is_told_when_the_whole_fall_lay_between_two_sweeps(self, workspace_id, sent):
        grant(workspace_id, 100)
        spend(workspace_id, 80)
        assert len(sent()) == 1

    def test_is_not_told_of_a_wallet_that_never_had_more(self, workspace_id, sent):
        grant(workspace_id, 20)
        spend(workspace_id, 5)
        assert sent() == []

    def test_is_not_told_of_a_sandbox(self, workspace_id, sent):
        ledger.grant(workspace_id=workspace_id, amount=100, reference="s", at=NOW, sandbox=True, terms=Terms("sandbox"))
        held = ledger.hold(workspace_id=workspace_id, amount=90, reference="job:s", at=NOW, sandbox=True)
        ledger.capture(hold_id=held.id, amount=90, at=NOW)
        assert sent() == []

    def test_follows_the_workspaces_own_threshold(self, workspace_id, sent):
        grant(workspace_id, 500)
        notices.set_wishes(workspace_id=workspace_id, low_below=400, by_mail=True, actor="user:1", at=NOW)
        spend(workspace_id, 101)
        (told,) = sent()
        assert "falls below 400" in told.body
        assert AuditEvent.objects.filter(action="wallet.notices_changed", workspace_id=workspace_id).count() == 1

    def test_waits_for_the_next_fall_when_the_threshold_is_raised_above_the_balance(self, workspace_id, sent):
        grant(workspace_id, 100)
        sent()
        notices.set_wishes(workspace_id=workspace_id, low_below=400, by_mail=True, actor="user:1", at=NOW)
        assert sent() == []

    @pytest.mark.parametrize("wish", [{"low_below": 0, "by_mail": True}, {"low_below": 50, "by_mail": False}])
    def test_can_be_turned_off(self, workspace_id, sent, wish):
        grant(workspace_id, 100)
        notices.set_wishes(workspace_id=workspace_id, actor="user:1", at=NOW, **wish)
        spend(workspace_id, 99)
        assert sent() == []

    def test_takes_credits_that_are_owed_into_account(self, workspace_id, sent):
        grant(workspace_id, 100)
        sent()
        ledger.claw_back(workspace_id=workspace_id, amount=150, reference="c", reason="Dispute", at=NOW)
        (told,) = sent()
        assert told.subject == "0 credits left at Wildmind"


class TestExpiring:
    def test_is_told_a_week_and_a_day_before_once_each(self, workspace_id, sent):
        grant(workspace_id, 300, days=20)
        assert sent(NOW + 12.9 * DAY) == []
        (week,) = sent(NOW + 13 * DAY)
        assert week.subject.startswith("300 credits at Wildmind expire on ")
        assert sent(NOW + 14 * DAY) == []
        (day,) = sent(NOW + 19 * DAY)
        assert day.subject == week.subject
        assert sent(NOW + 19.5 * DAY) == []
        assert list(Notice.objects.order_by("raised_at").values_list("kind", "state")) == [
            ("expiring_week", "sent"), ("expiring_day", "sent")
        ]  # fmt: skip

    def test_is_told_of_several_lots_in_one_mail_with_what_is_left_of_each(self, workspace_id, sent):
        grant(workspace_id, 300, days=20, origin="welcome")
        grant(workspace_id, 80, days=19, origin="plan", rollover=Rollover(50))
        spend(workspace_id, 60)
        (told,) = sent(NOW + 14 * DAY)
        assert told.subject.startswith("320 credits at Wildmind expire from ")
        assert "Plan: 20 credits" in told.body
        assert "what your plan rolls over is kept" in told.body
        assert "Welcome credits: 300 credits" in told.body
        assert "Welcome credits: 300 credits" in told.alternatives[0].content

    def test_is_not_told_of_what_is_used_up_or_was_short_from_the_start(self, workspace_id, sent):
        grant(workspace_id, 300, days=20)
        grant(workspace_id, 60, days=6)
        spend(workspace_id, 360)
        grant(workspace_id, 60, days=7)
        assert sent(NOW + 14 * DAY) == []
        assert not Notice.objects.filter(lot__isnull=False).exists()

    def test_is_told_of_the_last_day_alone_when_the_sweep_was_late(self, workspace_id, sent):
        grant(workspace_id, 300, days=20)
        assert len(sent(NOW + 19.2 * DAY)) == 1
        assert Notice.objects.get().kind == "expiring_day"


class TestSending:
    @pytest.fixture
    def low(self, workspace_id):
        grant(workspace_id, 100)
        spend(workspace_id, 80)
        notices.raise_due(at=NOW)
        return Notice.objects.get()

    def break_mailer(self, monkeypatch, error):
        def refuse(*_):
            raise error

        monkeypatch.setattr(EmailBackend, "send_messages", refuse)

    @pytest.mark.parametrize(
        "error", [smtplib.SMTPServerDisconnected("gone"), ConnectionRefusedError(), TimeoutError()]
    )
    def test_waits_for_a_mailer_that_is_down_and_then_sends_once(self, low, monkeypatch, error):
        with monkeypatch.context() as broken:
            self.break_mailer(broken, error)
            assert notices.send_due(at=NOW) == 0
            assert notices.send_due(at=NOW + timedelta(minutes=4)) == 0
            assert notices.send_due(at=NOW + timedelta(minutes=5)) == 0
        low.refresh_from_db()
        assert (low.state, low.tries) == ("pending", 2)
        assert low.next_try_at == NOW + timedelta(minutes=15)
        assert notices.send_due(at=NOW + timedelta(minutes=15)) == 1
        assert notices.send_due(at=NOW + DAY) == 0
        assert len(mail.outbox) == 1

    def test_is_asked_for_again_by_each_sweep_until_it_is_done(self, low, sent):
        assert len(sent()) == 1
        assert sent() == []

    def test_does_not_repeat_what_a_dying_process_may_have_sent(self, low, monkeypatch):
        with monkeypatch.context() as broken:
            self.break_mailer(broken, KeyboardInterrupt())
            with pytest.raises(KeyboardInterrupt):
                notices.send_due(at=NOW)
        assert notices.send_due(at=NOW + DAY) == 0
        low.refresh_from_db()
        assert low.state == "sending"

    def test_drops_what_is_no_longer_true(self, low, workspace_id):
        grant(workspace_id, 500)
        assert notices.send_due(at=NOW) == 0
        low.refresh_from_db()
        assert low.state == "dropped"

    def test_goes_to_every_owner_and_nobody_else(self, low, workspace_id, owner):
        second, member, gone = (make_person(credits=0).user for _ in range(3))
        gone.is_active = False
        gone.save()
        for user, role in ((second, "owner"), (member, "member"), (gone, "owner")):
            Membership.objects.create(workspace_id=workspace_id, user=user, role=role, created_at=NOW)
        notices.send_due(at=NOW)
        assert sorted(mail.outbox[0].to) == sorted([owner.user.email, second.email])

    def test_links_to_the_wallet_and_carries_a_lasting_id(self, low):
        notices.send_due(at=NOW)
        (told,) = mail.outbox
        assert "/wallet" in told.body
        assert told.extra_headers["Message-ID"].startswith(f"<notice.{low.id}@")
        assert told.extra_headers["Auto-Submitted"] == "auto-generated"


class TestSweep:
    def test_asks_the_same_questions_however_many_wallets_there_are(self):
        counts = []
        for many in (1, 8):
            for _ in range(many):
                made = make_person(credits=0)
                grant(made.workspace_id, 100)
                grant(made.workspace_id, 50, days=6, at=NOW - 9 * DAY)
                spend(made.workspace_id, 120)
            with CaptureQueriesContext(connection) as asked:
                notices.raise_due(at=NOW)
            counts.append(len(asked))
        assert counts[0] == counts[1]
        assert Notice.objects.filter(kind="low_balance").count() == 9
        assert Notice.objects.filter(kind="expiring_week").count() == 0

    def test_adds_no_index_to_what_the_hot_path_writes(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename IN ('credits_wallet', 'credits_lot')")
            text = " ".join(row[0] for row in cursor.fetchall())
        assert "balance" not in text
        assert "held" not in text
        assert "remaining" not in text

    def test_leaves_wallets_of_before_alone_until_they_have_been_above(self, workspace_id, sent):
        grant(workspace_id, 100)
        spend(workspace_id, 80)
        Watch.objects.create(wallet=Wallet.objects.get(workspace_id=workspace_id, sandbox=False))
        assert sent() == []
        grant(workspace_id, 100)
        sent()
        spend(workspace_id, 100)
        assert len(sent()) == 1
