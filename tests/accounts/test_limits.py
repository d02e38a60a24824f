"""The schema of limits: what it takes, and what it says about the rest."""

import pytest

from accounts import limits
from accounts.entitlements import Entitlements
from core.errors import FieldsRejected, UnknownField

LEAST = {"lane": "free", "weight": 1, "max_running": 4, "max_queued": 100}


class TestCheckedPlan:
    def test_takes_a_plan_with_what_must_be_there(self):
        assert limits.checked_plan(LEAST) == LEAST

    @pytest.mark.parametrize("missing", limits.REQUIRED)
    def test_names_what_is_missing(self, missing):
        with pytest.raises(FieldsRejected) as refused:
            limits.checked_plan({name: value for name, value in LEAST.items() if name != missing})
        assert refused.value.extra["errors"] == [{"field": missing, "reason": "is required"}]

    @pytest.mark.parametrize(
        ("change", "field", "reason"),
        [
            ({"lane": "fast"}, "lane", "must be one of: enterprise, pro, free"),
            ({"weight": 0}, "weight", "must be at least 1"),
            ({"max_queued": -1}, "max_queued", "must be at least 0"),
            ({"max_queued": True}, "max_queued", "must be of type integer"),
            ({"max_queued": None}, "max_queued", "must be of type integer"),
            ({"max_pixels": 0}, "max_pixels", "must be at least 1"),
            ({"daily_jobs": "many"}, "daily_jobs", "must be of type integer or null"),
            ({"max_live_by_pipeline": {"image": -1}}, "max_live_by_pipeline.image", "must be at least 0"),
            ({"models": []}, "models", "must have at least 1 items"),
            ({"models": ["Bad Name"]}, "models.0", "does not have the required form"),
        ],
    )
    def test_names_what_is_wrong(self, change, field, reason):
        with pytest.raises(FieldsRejected) as refused:
            limits.checked_plan({**LEAST, **change})
        assert refused.value.extra["errors"] == [{"field": field, "reason": reason}]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"max_queue": 3}, "max_queue"),
            ({"max_live_by_pipeline": {"imgae": 3}}, "max_live_by_pipeline.imgae"),
            ({"daily_jobs_by_pipeline": {"picture": 3}}, "daily_jobs_by_pipeline.picture"),
        ],
    )
    def test_refuses_what_it_does_not_know(self, change, field):
        with pytest.raises(UnknownField) as refused:
            limits.checked_plan({**LEAST, **change})
        assert refused.value.extra["errors"] == [{"field": field, "reason": "does not exist"}]

    def test_stores_whole_numbers_as_such_however_they_were_written(self):
        taken = limits.checked_plan({**LEAST, "weight": 2.0, "max_live_by_pipeline": {"image": 3.0}})
        assert (repr(taken["weight"]), repr(taken["max_live_by_pipeline"])) == ("2", "{'image': 3}")


class TestPipelines:
    def test_include_every_one_that_runs(self):
        from generation.pipelines.registry import PLANNERS

        assert set(PLANNERS) <= set(limits.PIPELINES)


class TestEntitlements:
    def test_have_no_limit_where_the_document_is_silent(self):
        read = Entitlements.read(plan="free", plan_name="Free", limits=LEAST)
        assert (read.daily_jobs, read.max_pixels, read.models, read.max_live_by_pipeline) == (None, None, None, {})
        assert read.sentences() == ["Up to 100 jobs under way at once"]

    def test_say_every_limit_in_words(self):
        read = Entitlements.read(
            plan="x", plan_name="X",
            limits={
                **LEAST, "max_queued": 1, "max_live_by_pipeline": {"product_photo": 2, "video": 0}, "daily_jobs": 1000,
                "daily_jobs_by_pipeline": {"image": 1}, "daily_credits": 5000, "max_pixels": 1_048_576,
                "max_duration_seconds": 60, "retention_days": 30, "models": ["b", "a"],
            },
        )  # fmt: skip
        assert read.sentences() == [
            "Up to 1 job under way at once", "Up to 2 product photo jobs under way at once", "No video jobs",
            "Up to 1,000 jobs a day", "Up to 1 image job a day", "Up to 5,000 credits a day",
            "Pictures of up to 1,048,576 pixels", "Sound and film of up to 60 seconds", "Files are kept for 30 days",
            "Models: a, b",
        ]  # fmt: skip
