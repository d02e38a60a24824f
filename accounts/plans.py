"""Plans, and who is on which: the verbs that billing and operators call. Each leaves an audit event."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import yaml
from django.db import transaction

from accounts import audit, limits
from accounts.entitlements import Entitlements
from accounts.models import Entitlement, Plan
from core.errors import FieldsRejected, NotFound

_BUILT_IN = Path(__file__).parent / "plans.yaml"


@dataclass(frozen=True, slots=True)
class Terms:
    """A plan as somebody wants it. `limits` is complete but for those that may be left out."""

    slug: str
    name: str
    limits: Mapping[str, Any]
    position: int = 100
    is_default: bool = False


@transaction.atomic
def sync(*, at: datetime) -> list[str]:
    """Adds the built-in plans that are absent; says which. One that exists is never changed."""
    known = set(Plan.objects.values_list("slug", flat=True))
    has_default = Plan.objects.filter(is_default=True).exists()
    added = []
    for spec in yaml.safe_load(_BUILT_IN.read_text(encoding="utf-8")):
        if spec["slug"] in known:
            continue
        wanted = Terms(**{**spec, "is_default": spec["is_default"] and not has_default})
        save(terms=wanted, actor="system", at=at)
        added.append(wanted.slug)
    return added


@transaction.atomic
def save(*, terms: Terms, actor: str, at: datetime) -> None:
    """Makes a plan or changes it; workspaces on it have the new limits from their next call on.

    Raises UnknownField or FieldsRejected with every limit that is wrong. A plan stays the default until another is.
    """
    wanted = limits.checked_plan(terms.limits)
    plan = Plan.objects.select_for_update().filter(slug=terms.slug).first()
    before: Mapping[str, Any] = plan.limits if plan else {}
    if plan is None:
        plan = Plan(slug=terms.slug, created_at=at)
    if terms.is_default and not plan.is_default:
        Plan.objects.filter(is_default=True).update(is_default=False, updated_at=at)
        plan.is_default = True
    plan.name, plan.position, plan.limits, plan.updated_at = terms.name, terms.position, wanted, at
    plan.save()
    audit.record(
        action="plan.saved", actor=actor, at=at, target=f"plan:{plan.slug}", reason=_difference(before, wanted)
    )


@transaction.atomic
def assign(*, workspace_id: UUID, plan: str, actor: str, at: datetime) -> bool:
    """Puts a workspace on a plan; False when it is on it already. Its overrides stay.

    Raises FieldsRejected for a plan that does not exist, NotFound for such a workspace.
    """
    granted = _locked(workspace_id)
    if not Plan.objects.filter(slug=plan).exists():
        known = ", ".join(Plan.objects.values_list("slug", flat=True))
        raise FieldsRejected([{"field": "plan", "reason": f"must be one of: {known}"}])
    if granted.plan_id == plan:
        return False
    reason = f"{granted.plan_id} → {plan}"
    granted.plan_id = plan
    granted.save(update_fields=["plan"])
    audit.record(
        action="plan.assigned", actor=actor, at=at, workspace_id=workspace_id, target=f"plan:{plan}", reason=reason
    )
    return True


@transaction.atomic
def override(
    *, workspace_id: UUID, changes: Mapping[str, Any], actor: str, at: datetime, forget: Iterable[str] = ()
) -> bool:
    """Lays limits over those of the plan; those in `forget` are the plan's again. False when nothing changes.

    An override of a limit by pipeline replaces the plan's whole map. Raises UnknownField or FieldsRejected with
    every limit that is wrong, NotFound for a workspace that does not exist.
    """
    changes, dropped = limits.checked_overrides(changes), tuple(forget)
    unknown = [name for name in dropped if name not in limits.KEYS]
    if unknown:
        raise FieldsRejected([{"field": name[:80], "reason": "does not exist"} for name in unknown])
    granted = _locked(workspace_id)
    before = granted.overrides
    granted.overrides = {**{name: value for name, value in before.items() if name not in dropped}, **changes}
    if granted.overrides == before:
        return False
    granted.save(update_fields=["overrides"])
    audit.record(
        action="plan.overridden", actor=actor, at=at, workspace_id=workspace_id, target=f"plan:{granted.plan_id}",
        reason=_difference(before, granted.overrides),
    )  # fmt: skip
    return True


def for_workspace(workspace_id: UUID) -> Entitlements:
    """What a workspace may use now. Raises NotFound."""
    granted = Entitlement.objects.select_related("plan").filter(workspace_id=workspace_id).first()
    if granted is None:
        raise NotFound
    return Entitlements.read(plan=granted.plan_id, plan_name=granted.plan.name, limits=granted.limits)


def overrides_of(workspace_id: UUID) -> Mapping[str, Any]:
    """The limits that a workspace has of its own. Raises NotFound."""
    found = Entitlement.objects.filter(workspace_id=workspace_id).values_list("overrides", flat=True).first()
    if found is None:
        raise NotFound
    return dict(found)


def _locked(workspace_id: UUID) -> Entitlement:
    granted = Entitlement.objects.select_for_update().filter(workspace_id=workspace_id).first()
    if granted is None:
        raise NotFound
    return granted


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What changed, for the audit trail: `max_queued=50, -daily_jobs`."""
    told = [f"{name}={orjson.dumps(value).decode()}" for name, value in after.items() if before.get(name, ...) != value]
    return ", ".join([*told, *(f"-{name}" for name in before if name not in after)])
