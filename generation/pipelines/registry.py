"""The pipelines that exist, by their public name."""

from collections.abc import Mapping

from core.errors import FieldsRejected
from generation.pipelines import image
from generation.pipelines.base import Planner

PLANNERS: Mapping[str, Planner] = {"image": image.plan}


def planner(pipeline: str) -> Planner:
    """The planner of a pipeline, or a 400 that names the ones there are."""
    found = PLANNERS.get(pipeline)
    if found is None:
        known = ", ".join(PLANNERS)
        raise FieldsRejected([{"field": "pipeline", "reason": f"must be one of: {known}"}])
    return found
