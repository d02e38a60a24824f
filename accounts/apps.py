from typing import Any

from django.apps import AppConfig
from django.utils import timezone


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        # allauth offers no other way to hear of a sign-up; the only signal receiver in the house.
        from allauth.account.signals import user_signed_up  # noqa: PLC0415 - needs the app registry

        user_signed_up.connect(_on_signed_up, dispatch_uid="accounts.signed_up")


def _on_signed_up(*, user: Any, **_: Any) -> None:
    from accounts import workspaces  # noqa: PLC0415 - needs the app registry

    workspaces.create_personal(user_id=user.id, name=workspaces.personal_name(user), at=timezone.now(), welcome=True)
