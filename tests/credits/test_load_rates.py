"""Rate files and the command that publishes them."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import AuditEvent
from credits import rate_files, rates
from credits.errors import RateRefused
from credits.models import Price

pytestmark = pytest.mark.django_db
TWO = """
rates:
  - {model: sketch-image, unit: image, credits: 6, from: 2100-01-01T00:00:00Z}
  - {model: acme, unit: call, credits: 0.25, cost_usd_micros: 1000, note: new}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rates.yaml"
    path.write_text(TWO)
    return path


@pytest.fixture
def load(file, capsys):
    def run(*options, text=None):
        if text is not None:
            file.write_text(text)
        call_command("load_rates", str(file), *options)
        return capsys.readouterr().out

    return run


def count():
    return Price.objects.filter(source="operator").count()


class TestLoad:
    def test_shows_old_and_new_cost_and_margin_and_from_when(self, load):
        said = load("--dry-run").splitlines()
        assert said[0] == (
            "sketch-image: 5 a image -> 6 a image, cost 0 micro-dollars, margin 100.0 %, from 2100-01-01 00:00:00 UTC"
        )
        assert said[1].startswith("acme: no price -> 0.25 a call, cost 1000 micro-dollars, margin 60.0 %, from 20")
        assert said[2] == "nothing was published: a dry run"

    def test_changes_nothing_in_a_dry_run(self, load):
        before = AuditEvent.objects.count()
        load("--dry-run")
        assert count() == 0
        assert AuditEvent.objects.count() == before
        assert rates.in_force(model="acme", at=timezone.now()) is None

    def test_publishes_with_an_audit_event_each(self, load):
        load()
        assert count() == 2
        assert rates.in_force(model="acme", at=timezone.now()).note == "new"
        told = AuditEvent.objects.filter(action="price.published", actor="command:load_rates")
        assert sorted(told.values_list("target", flat=True)) == ["model:acme", "model:sketch-image"]

    def test_changes_nothing_the_second_time(self, load):
        load()
        said = load()
        assert count() == 2
        assert said.count("on the card already") == 2

    def test_publishes_all_or_nothing(self, load):
        with pytest.raises(CommandError) as failed:
            load(text=TWO + "  - {model: acme-2, unit: call, credits: 0}\n  - {model: acme-3, unit: job, credits: 1}\n")
        assert "acme-2: 0 credits is no price" in str(failed.value)
        assert "acme-3: 'job' is not a unit" in str(failed.value)
        assert "Nothing was published" in str(failed.value)
        assert count() == 0
        assert rates.in_force(model="acme", at=timezone.now()) is None

    def test_wants_large_changes_confirmed(self, load):
        text = "rates: [{model: sketch-image, unit: image, credits: 500}]"
        with pytest.raises(CommandError, match="confirm it"):
            load(text=text)
        load("--confirm", text=text)
        assert rates.in_force(model="sketch-image", at=timezone.now()).credits == 500

    def test_wants_prices_below_cost_allowed(self, load):
        text = "rates: [{model: acme, unit: image, credits: 1, cost_usd_micros: 10001}]"
        with pytest.raises(CommandError, match="allow a price below cost"):
            load(text=text)
        load("--allow-below-cost", text=text)
        assert count() == 1

    def test_takes_the_example_of_the_documentation(self, load):
        page = (Path(settings.BASE_DIR) / "docs/operations/rate_card.md").read_text()
        load(text=re.search(r"```yaml\n(.*?)```", page, re.DOTALL).group(1))
        assert count() == 3
        documented = set(re.findall(r"`(\w+)`", page.split("over the step's measures")[1].split("It has")[0]))
        from credits.measures import SAMPLES

        assert documented == set(SAMPLES)


class TestRead:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "one key, rates"),
            ("[]", "one key, rates"),
            ("rates: []", "one key, rates"),
            ("rates: {}", "one key, rates"),
            ("rates: [1]\nmore: 1", "one key, rates"),
            ("rates: [", "cannot be read as YAML"),
            ("rates: [!!python/object/apply:os.system ['true']]", "cannot be read as YAML"),
            ("rates: [1]", "entry 1 is not a mapping"),
            ("rates: [{model: m, unit: image, credits: 1, price: 2}]", "entry 1: price is not known"),
            ("rates: [{model: m, unit: image, credits: 1}, {model: m}]", "entry 2: unit and credits must be given"),
            ("rates: [{model: m, unit: image, credits: }]", "entry 1: credits must be given"),
            ("rates: [{model: m, unit: image, credits: a lot}]", "credits must be a number"),
            ("rates: [{model: m, unit: image, credits: true}]", "credits must be a number"),
            ("rates: [{model: m, unit: image, credits: [1]}]", "credits must be a number"),
            ("rates: [{model: 5, unit: image, credits: 1}]", "model must be a text"),
            ("rates: [{model: m, unit: image, credits: 1, expression: 2}]", "expression must be a text"),
            ("rates: [{model: m, unit: image, credits: 1, minimum: 1.5}]", "minimum must be a whole number"),
            ("rates: [{model: m, unit: image, credits: 1, cost_usd_micros: x}]", "cost_usd_micros must be a whole"),
            ("rates: [{model: m, unit: image, credits: 1, from: 2100-01-01}]", "a time with a zone"),
            ("rates: [{model: m, unit: image, credits: 1, from: 2100-01-01T00:00:00}]", "a time with a zone"),
            ("rates: [{model: m, unit: image, credits: 1, from: '2100-13-01T00:00:00Z'}]", "a time with a zone"),
            ("rates: [{model: m, unit: image, credits: 1, from: soon}]", "a time with a zone"),
        ],
    )
    def test_says_what_is_wrong_with_a_file(self, file, text, reason):
        file.write_text(text)
        with pytest.raises(RateRefused, match=reason):
            rate_files.read(file)

    def test_says_when_there_is_no_file(self, tmp_path):
        with pytest.raises(RateRefused, match="cannot be read"):
            rate_files.read(tmp_path / "none.yaml")

    def test_reads_decimals_as_they_stand_there(self, file):
        file.write_text("rates: [{model: m, unit: image, credits: 0.1}, {model: m, unit: call, credits: '0.3'}]")
        assert [str(terms.credits) for terms in rate_files.read(file)] == ["0.1", "0.3"]
