"""Smaller versions of pictures come after the picture, and come in the end."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from assets import rendering, selectors
from assets.models import Asset, Rendition
from tests.factories.generation import submit, work_off

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(person) -> list[Asset]:
    """Two pictures as their job left them."""
    job_id = submit(person, n=2)
    work_off()
    return list(Asset.objects.filter(source_id=job_id))


def links(person, asset: Asset) -> dict[str, str]:
    return selectors.get(
        workspace_id=person.workspace_id, asset_id=asset.id, sandbox=False, at=timezone.now()
    ).urls  # fmt: skip


class TestPicture:
    def test_can_be_seen_in_every_size_before_a_worker_made_the_smaller_ones(self, person, made):
        urls = links(person, made[0])
        assert Rendition.objects.count() == 0
        assert urls == dict.fromkeys(("original", "web", "thumb"), urls["original"])

    def test_has_smaller_versions_of_its_own_afterwards(self, person, made):
        rendering.render(asset_ids=[asset.id for asset in made])
        for asset in made:
            urls = links(person, asset)
            assert len(set(urls.values())) == 3
            rows = Rendition.objects.filter(asset=asset)
            assert {row.variant for row in rows} == {"web", "thumb"}
            for row in rows:
                assert default_storage.size(row.storage_key) == row.size_bytes

    def test_is_made_smaller_once_whoever_is_told_twice(self, person, made):
        for _ in range(2):
            rendering.render(asset_ids=[asset.id for asset in made])
            Asset.objects.update(render_due_at=timezone.now())
        assert Rendition.objects.count() == 4

    def test_that_is_gone_from_the_disk_keeps_no_other_from_its_versions(self, person, made):
        default_storage.delete(made[0].storage_key)
        rendering.render(asset_ids=[asset.id for asset in made])
        assert {row.asset_id for row in Rendition.objects.all()} == {made[1].id}
        assert Asset.objects.get(id=made[0].id).render_due_at is not None


class TestMessageThatWasLost:
    def test_is_sent_again_after_a_minute(self, made, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks() as sent:
            assert rendering.mend(at=timezone.now()) == 0
            assert rendering.mend(at=timezone.now() + timedelta(seconds=61)) == 2
            assert rendering.mend(at=timezone.now() + timedelta(seconds=62)) == 0
        assert len(sent) == 2

    def test_is_given_up_after_a_day_of_failures(self, made, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks() as sent:
            assert rendering.mend(at=timezone.now() + timedelta(hours=25)) == 2
        assert sent == []
        assert not Asset.objects.filter(render_due_at__isnull=False).exists()
