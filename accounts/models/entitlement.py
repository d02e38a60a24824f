from collections.abc import Mapping
from typing import Any

from django.db import models


class Entitlement(models.Model):
    """What a workspace may use: its plan's limits, with its own `overrides` laid over them.

    Written through `accounts.plans`, by billing or an operator, and read by everybody else.
    """

    workspace = models.OneToOneField("accounts.Workspace", models.CASCADE, primary_key=True, related_name="entitlement")
    plan = models.ForeignKey("accounts.Plan", models.PROTECT, db_column="plan", related_name="+")
    overrides = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return self.plan_id

    @property
    def limits(self) -> Mapping[str, Any]:
        """The limits that hold: `p.limits || e.overrides` in SQL."""
        return {**self.plan.limits, **self.overrides}
