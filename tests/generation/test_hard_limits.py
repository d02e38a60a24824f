"""Work on our own processors that does not end in time."""

from pathlib import Path

import pytest
from django.utils import timezone

from generation import execution, offers
from generation.models import Job
from providers import registry
from tests.factories.generation import claim, work_off

pytestmark = pytest.mark.django_db


@pytest.fixture
def brief(settings, person):
    """A model that is given 0.4 seconds; the job of a person who orders from it."""
    settings.PROVIDERS_EXTRA_ADAPTERS = ["scripted=tests.fakes.scripted:ScriptedAdapter"]
    settings.PROVIDERS_CATALOGUE_DIRS = [str(Path(__file__).parent.parent / "fakes" / "catalogue")]
    registry._paths.cache_clear()
    assert offers.sync(at=timezone.now()).refusals == ()
    api = person.api()

    def order(prompt, model="scripted-brief"):
        body = {"pipeline": "image", "model": model, "input": {"prompt": prompt}}
        assert api.post("/generations", body).status_code == 201
        return Job.objects.get(workspace_id=person.workspace_id)

    yield order
    registry._paths.cache_clear()
    registry.adapter.cache_clear()


def test_ends_free_and_tells_its_process_to_be_renewed(person, brief):
    job = brief("stuck in a loop")
    assert execution.run_batch(batch=claim()) is True
    work_off()
    job.refresh_from_db()
    assert (job.state, job.captured) == ("failed", 0)


def test_leaves_the_process_alone_when_it_ends_in_time(brief):
    job = brief("quick fox", "scripted")
    assert execution.run_batch(batch=claim()) is False
    job.refresh_from_db()
    assert job.state == "succeeded"
