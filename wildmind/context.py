"""What every page knows: the site, and who looks at it."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from accounts import current
from core.errors import DomainError
from credits import selectors as credits_of


@dataclass(frozen=True, slots=True)
class Site:
    name: str
    billing_enabled: bool
    sign_up_open: bool
    debug: bool


@dataclass(frozen=True, slots=True)
class Viewer:
    """The signed-in person, with the credits that the header shows."""

    email: str
    initials: str
    workspace_name: str
    is_staff: bool
    available: int
    held: int


def site(request: HttpRequest) -> dict[str, Any]:
    """Template context of every page."""
    known = Site(settings.SITE_NAME, settings.BILLING_ENABLED, settings.ACCOUNTS_SIGN_UP_OPEN, settings.DEBUG)
    return {"site": known, "viewer": _viewer(request)}


def _viewer(request: HttpRequest) -> Viewer | None:
    user: Any = getattr(request, "user", None)
    if user is None or not user.is_authenticated or request.path.startswith("/admin/"):
        return None
    try:
        caller = current.principal(request)
        wallet = credits_of.balance(workspace_id=caller.workspace_id, sandbox=False, at=timezone.now())
    except DomainError:
        return Viewer(user.email, user.initials, "", user.is_staff, 0, 0)
    return Viewer(user.email, user.initials, caller.workspace_name, user.is_staff, wallet.available, wallet.held)
