"""Who is calling, for which workspace, with which rights: one value for keys and sessions alike."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from rest_framework.request import Request

from accounts.entitlements import Entitlements
from accounts.models import Membership
from accounts.scopes import SCOPES_OF_ROLE
from core.errors import NotFound, Unauthenticated

_SESSION_WORKSPACE = "workspace_id"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. Its scopes are those of the key, or everything the member's role allows."""

    user_id: UUID | None
    email: str
    workspace_id: UUID
    workspace_name: str
    role: str
    sandbox: bool
    scopes: frozenset[str]
    key_id: UUID | None
    entitlements: Entitlements
    is_authenticated: bool = True

    @property
    def actor(self) -> str:
        """The name under which deeds are recorded."""
        return f"key:{self.key_id}" if self.key_id else f"user:{self.user_id}"


def principal(request: HttpRequest | Request) -> Principal:
    """The caller of an API call or a page. Raises Unauthenticated when there is none."""
    found: Any = getattr(request, "auth", None)
    if isinstance(found, Principal):
        return found
    cached: Any = getattr(request, "_principal", None)
    if isinstance(cached, Principal):
        return cached
    user: Any = request.user
    if user is None or not user.is_authenticated:
        raise Unauthenticated
    caller = of_member(user_id=user.id, email=user.email, workspace_id=request.session.get(_SESSION_WORKSPACE))
    request._principal = caller  # type: ignore[union-attr]  # one look-up a request
    return caller


def of_member(*, user_id: UUID, email: str, workspace_id: str | None = None) -> Principal:
    """The principal of a signed-in person in the chosen, or else their first, workspace."""
    memberships = (
        Membership.objects.filter(user_id=user_id)
        .select_related("workspace", "workspace__entitlement__plan")
        .order_by("created_at", "id")
    )
    member = memberships.filter(workspace_id=workspace_id).first() if workspace_id else None
    member = member or memberships.first()
    if member is None:
        raise NotFound("You belong to no workspace yet.")
    granted = member.workspace.entitlement
    return Principal(
        user_id=user_id,
        email=email,
        workspace_id=member.workspace_id,
        workspace_name=member.workspace.name,
        role=member.role,
        sandbox=False,
        scopes=SCOPES_OF_ROLE[member.role],
        key_id=None,
        entitlements=Entitlements.read(plan=granted.plan_id, plan_name=granted.plan.name, limits=granted.limits),
    )


def of_owner(*, workspace_id: UUID, sandbox: bool) -> Principal:
    """The principal of a workspace's owner, for what an operator does in the workspace's name."""
    owner = (
        Membership.objects.filter(workspace_id=workspace_id, role="owner")
        .select_related("user")
        .order_by("created_at", "id")
        .first()
    )
    if owner is None:
        raise NotFound("This workspace has no owner.")
    found = of_member(user_id=owner.user_id, email=owner.user.email, workspace_id=str(workspace_id))
    return replace(found, sandbox=sandbox)
