"""Bearer keys and the site's session, for DRF."""

from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.authentication import SessionAuthentication as DRFSessionAuthentication
from rest_framework.request import Request

from accounts import api_keys
from accounts.current import Principal
from core.errors import Unauthenticated


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer wm_live_…` or `wm_test_…`."""

    def authenticate(self, request: Request) -> tuple[Any, Principal] | None:
        parts = get_authorization_header(request).split()
        if not parts:
            return None
        if len(parts) != 2 or parts[0].lower() != b"bearer":
            raise Unauthenticated("The Authorization header must be `Bearer <API key>`.")
        caller = api_keys.authenticate(secret=parts[1].decode("latin-1"), at=timezone.now())
        return caller, caller

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="wildmind"'


class SessionAuthentication(DRFSessionAuthentication):
    """The site's cookie, with CSRF for whatever changes something."""

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="wildmind"'


class _KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key: wm_live_… or wm_test_…"}


class _SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "wildmind_session"}
