"""Models and prices together: what the catalogue's files publish, and what is on offer for it."""

from datetime import timedelta
from decimal import Decimal

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.utils import timezone

from core.errors import NotFound
from credits import rates
from credits.errors import NoPrice
from credits.models import Price
from generation import offers, quoting
from providers import catalog
from providers.errors import NoProvider
from providers.models import ModelCard
from tests.factories.credits import publish

pytestmark = pytest.mark.django_db
SPEC = yaml.safe_load((catalog._BUILT_IN / "sketch-image.yaml").read_text())


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def write(settings, tmp_path):
    settings.PROVIDERS_CATALOGUE_DIRS = [str(tmp_path)]

    def file(slug="acme", *, price, position=1, **more):
        spec = {**SPEC, "slug": slug, "position": position, "price": price, **more}
        (tmp_path / f"{slug}.yaml").write_text(yaml.safe_dump(spec))

    return file


def price_of(slug, at=None):
    found = rates.in_force(model=slug, at=at or timezone.now())
    return found and found.credits


class TestSync:
    def test_publishes_the_price_of_a_file_with_its_cost(self, write, now):
        write(price={"unit": "megapixel", "credits": 2.5, "minimum": 3, "expression": "1 + (images > 2)"},
              cost={"usd_micros": 12_000})  # fmt: skip
        done = offers.sync(at=now)
        assert done.refusals == ()
        assert done.changes[0] == "add acme@1"
        assert done.changes[1].startswith("price acme: no price -> 2.5 a megapixel x (1 + (images > 2)), at least 3, ")
        rate = rates.in_force(model="acme", at=now)
        assert (rate.credits, rate.cost_usd_micros, rate.source) == (Decimal("2.5"), 12_000, "catalogue")

    def test_says_and_does_nothing_the_second_time(self, write, now):
        write(price={"unit": "image", "credits": 3})
        offers.sync(at=now)
        count = Price.objects.count()
        assert offers.sync(at=now + timedelta(days=1)) == offers.Sync((), ())
        assert Price.objects.count() == count

    def test_leaves_an_operators_price_until_the_file_says_something_new(self, write, now):
        write(price={"unit": "image", "credits": 3})
        offers.sync(at=now)
        publish(4, at=now + timedelta(hours=1), model="acme")
        later = now + timedelta(hours=2)
        write(price={"unit": "image", "credits": 3}, tagline="Other words.")
        assert offers.sync(at=later).changes == ("update acme@1",)
        assert price_of("acme", later) == 4
        write(price={"unit": "image", "credits": 5})
        offers.sync(at=later)
        assert price_of("acme", later) == 5

    def test_changes_nothing_in_a_dry_run(self, write, now):
        write(price={"unit": "image", "credits": 3})
        before = Price.objects.count()
        said = offers.sync(at=now, dry_run=True).changes
        assert [line.split(":")[0] for line in said] == ["add acme@1", "price acme"]
        assert Price.objects.count() == before
        assert not ModelCard.objects.filter(slug="acme").exists()
        assert price_of("acme") is None
        with pytest.raises(NotFound):
            catalog.card("acme")

    @pytest.mark.parametrize(
        ("price", "reason"),
        [
            ({"unit": "job", "credits": 3}, "'job' is not a unit"),
            ({"unit": "image", "credits": 3, "expression": "colour"}, "colour: not a measure"),
            ({"unit": "image", "credits": 0.00001}, "four decimals"),
        ],
    )
    def test_puts_a_model_whose_price_is_refused_on_no_shelf_and_says_so(self, write, now, price, reason):
        write(price=price)
        write("fine", price={"unit": "image", "credits": 3}, position=2)
        first, second = offers.sync(at=now).refusals
        assert reason in first
        assert second == "acme has no price in force: it is not on offer."
        assert [offered.card.revision.slug for offered in offers.models(at=now)] == ["fine", "sketch-image"]
        assert offers.unpriced(at=now) == ["acme"]

    def test_keeps_the_old_price_when_the_new_one_is_refused(self, write, now):
        write(price={"unit": "image", "credits": 3})
        offers.sync(at=now)
        write(price={"unit": "image", "credits": 300})
        (said,) = offers.sync(at=now + timedelta(days=1)).refusals
        assert "3 credits become 300" in said
        assert price_of("acme", now + timedelta(days=1)) == 3
        assert offers.sync(at=now + timedelta(days=1), confirmed=True).refusals == ()
        assert price_of("acme", now + timedelta(days=1)) == 300

    def test_does_not_nag_about_a_disabled_model(self, write, now):
        write(price={"unit": "image", "credits": 3})
        offers.sync(at=now)
        ModelCard.objects.filter(slug="acme").update(status="disabled")
        write(price={"unit": "image", "credits": 300})
        assert offers.sync(at=now + timedelta(days=1)).refusals == ()

    def test_takes_the_file_of_the_benchmarks(self, settings, now):
        settings.PROVIDERS_CATALOGUE_DIRS = [str(settings.BASE_DIR / "bench" / "catalogue")]
        assert offers.sync(at=now).refusals == ()
        assert rates.in_force(model="noop", at=now).unit == "call"


class TestCommand:
    def test_exits_with_what_was_refused_and_does_the_rest(self, write):
        write(price={"unit": "job", "credits": 3})
        write("fine", price={"unit": "image", "credits": 3})
        with pytest.raises(CommandError, match="'job' is not a unit"):
            call_command("sync_catalog")
        assert price_of("fine") == 3

    def test_takes_what_is_meant(self, write):
        write(price={"unit": "image", "credits": 1}, cost={"usd_micros": 50_000})
        with pytest.raises(CommandError, match="allow a price below cost"):
            call_command("sync_catalog")
        call_command("sync_catalog", "--allow-below-cost")
        write(price={"unit": "image", "credits": 90}, cost={"usd_micros": 50_000})
        with pytest.raises(CommandError, match="confirm it"):
            call_command("sync_catalog")
        call_command("sync_catalog", "--confirm")
        assert price_of("acme") == 90

    def test_prepare_publishes_prices_and_names_what_it_could_not(self, write, capsys, monkeypatch):
        monkeypatch.setenv("WILDMIND_SEED", "minimal")
        write(price={"unit": "job", "credits": 3})
        write("fine", price={"unit": "image", "credits": 3})
        call_command("prepare")
        said = capsys.readouterr()
        assert "catalogue: price fine: no price -> 3 a image" in said.out
        assert "catalogue: acme has no price in force: it is not on offer." in said.err

    def test_doctor_names_a_model_without_a_price(self, write, capsys):
        write(price={"unit": "job", "credits": 3})
        offers.sync(at=timezone.now())
        with pytest.raises(CommandError):
            call_command("doctor")
        assert "acme has no price in force" in capsys.readouterr().out


class TestModel:
    @pytest.fixture(autouse=True)
    def _acme(self, write, now):
        """Comes first, and is priced from an hour on."""
        write(price={"unit": "job", "credits": 3})
        offers.sync(at=now)
        publish(4, at=now, model="acme", from_=now + timedelta(hours=1))

    def test_chooses_the_first_that_has_a_price(self, now):
        assert offers.model("auto", pipeline="image", at=now).card.revision.slug == "sketch-image"
        soon = offers.model("auto", pipeline="image", at=now + timedelta(hours=1))
        assert (soon.card.revision.slug, soon.rate.credits) == ("acme", 4)

    def test_has_no_price_for_one_that_is_named(self, now):
        with pytest.raises(NoPrice, match="not on offer"):
            offers.model("acme", pipeline="image", at=now)

    def test_tells_no_price_at_all_from_no_model_at_all(self, now):
        ModelCard.objects.filter(slug="sketch-image").update(status="disabled")
        catalog.forget()
        with pytest.raises(NoPrice):
            offers.model("auto", pipeline="image", at=now)
        ModelCard.objects.update(status="disabled")
        catalog.forget()
        with pytest.raises(NoProvider):
            offers.model("auto", pipeline="image", at=now)


class TestExample:
    def test_is_what_one_picture_costs(self, now):
        assert quoting.example(pipeline="image", at=now) == 5
        publish("2.4", at=now, unit="megapixel", confirmed=True)
        assert quoting.example(pipeline="image", at=now) == 3

    def test_is_none_when_nothing_can_be_had(self, now):
        ModelCard.objects.update(status="disabled")
        catalog.forget()
        assert quoting.example(pipeline="image", at=now) is None
