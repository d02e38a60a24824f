"""allauth's adapter: whether somebody may sign up."""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no type information
    """Sign-up follows `ACCOUNTS_SIGN_UP_OPEN`; everything else is allauth's own."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.ACCOUNTS_SIGN_UP_OPEN)
