"""Workspaces come into being here, complete: with an owner, entitlements and whatever other apps add."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts import plans
from accounts.models import Entitlement, Membership, Plan, User, Workspace

Provisioner = Callable[..., None]
_provisioners: list[Provisioner] = []


def provision_with(provisioner: Provisioner) -> None:
    """Registers what else a new workspace needs, e.g. its wallets. Called from `apps.py: ready()`.

    A provisioner is called with `workspace_id`, `welcome` and `at` inside the creating transaction.
    """
    if provisioner not in _provisioners:
        _provisioners.append(provisioner)


@transaction.atomic
def create_personal(*, user_id: UUID, name: str, at: datetime, welcome: bool) -> UUID:
    """A person's own workspace, on the default plan. `welcome`: whether the credits for newcomers are given."""
    workspace = Workspace.objects.create(name=name[:120], kind=Workspace.Kind.PERSONAL, created_at=at)
    Membership.objects.create(workspace=workspace, user_id=user_id, role=Membership.Role.OWNER, created_at=at)
    Entitlement.objects.create(workspace=workspace, plan=Plan.objects.get(is_default=True))
    for provisioner in _provisioners:
        provisioner(workspace_id=workspace.id, welcome=welcome, at=at)
    return workspace.id


def default_for(*, user_id: UUID) -> UUID | None:
    """The workspace that a person lands in: the oldest they belong to."""
    return (
        Membership.objects.filter(user_id=user_id)
        .order_by("created_at", "id")
        .values_list("workspace_id", flat=True)
        .first()
    )


@transaction.atomic
def ensure_person(*, email: str, at: datetime) -> tuple[UUID, UUID]:
    """The user with this address and their workspace, made if absent, without welcome credits."""
    user = User.objects.filter(email__iexact=email.strip()).first() or User.objects.create_user(email)
    workspace_id = default_for(user_id=user.id)
    if workspace_id is None:
        workspace_id = create_personal(user_id=user.id, name=personal_name(user), at=at, welcome=False)
    return user.id, workspace_id


def personal_name(user: User) -> str:
    """What a person's own workspace is called until they rename it."""
    return f"{user.name or user.email.split('@')[0]}'s workspace"


@dataclass(frozen=True, slots=True)
class Member:
    email: str
    role: str
    initials: str


@dataclass(frozen=True, slots=True)
class Overview:
    """A workspace for its own page."""

    name: str
    plan_label: str
    limits: list[str]
    members: list[Member]


def overview(*, workspace_id: UUID) -> Overview:
    """Name, plan with its limits in words, and members of a workspace."""
    workspace = Workspace.objects.get(id=workspace_id)
    granted = plans.for_workspace(workspace_id)
    people = Membership.objects.filter(workspace_id=workspace_id).select_related("user").order_by("created_at", "id")
    members = [Member(person.user.email, person.role, person.user.initials) for person in people]
    return Overview(workspace.name, granted.plan_name, granted.sentences(), members)


def member_names(*, workspace_id: UUID) -> dict[UUID, str]:
    """The address of each member, by the person's id. Who has left is not in it."""
    return dict(Membership.objects.filter(workspace_id=workspace_id).values_list("user_id", "user__email"))


def owner_addresses(*, workspace_id: UUID) -> list[str]:
    """Where a workspace's owners get mail: those who may still sign in, oldest first."""
    owners = Membership.objects.filter(
        workspace_id=workspace_id, role=Membership.Role.OWNER, user__is_active=True
    ).order_by("created_at", "id")
    return list(owners.values_list("user__email", flat=True))
