"""Whether a caller may make a call: the scopes of keys and roles."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.current import Principal, principal
from core.errors import ScopeMissing, Unauthenticated


class HasScope(BasePermission):
    """Asks for the scope that the view names for the request's method.

    A view says `scopes = {"GET": "assets:read", "POST": "assets:write"}`; an empty string asks for
    nothing but a caller. A view that says nothing is refused: forgetting is not allowing.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        caller = principal(request)
        method = (request.method or "").lower()
        if not hasattr(view, method) or method in {"options", "trace"}:
            return True  # the dispatcher answers 405, which says more than a missing scope
        named: dict[str, str] = getattr(view, "scopes", {})
        require(caller, named.get("GET" if method == "head" else method.upper(), "workspace:admin"))
        return True


def require(caller: Principal, scope: str) -> None:
    """Raises ScopeMissing unless the caller has the scope."""
    if not caller.is_authenticated:
        raise Unauthenticated
    if scope and scope not in caller.scopes:
        raise ScopeMissing(f"This call needs the scope {scope}.", required_scope=scope)
