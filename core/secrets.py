"""Secrets of others that we keep: sealed at rest, and never in a text by accident."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

_PURPOSE = b"wildmind secrets at rest 1"


class SecretUnreadable(Exception):
    """The key that a stored secret was sealed with is not among this process's keys."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's text. `repr`, logs and error reports show nothing of it; whoever needs it says so."""

    _text: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __str__(self) -> str:
        return "•••" if self._text else ""

    def reveal(self) -> str:
        """The text itself, for the wire."""
        return self._text

    def hint(self) -> str:
        """Its last four characters, for people who compare; nothing of a short one."""
        return f"…{self._text[-4:]}" if len(self._text) >= 16 else "…"

    def fingerprint(self) -> str:
        """Eight hexadecimal digits that tell two secrets apart, and tell nothing of them without our key."""
        return hmac.new(_keys()[0].encode(), self._text.encode(), hashlib.sha256).hexdigest()[:8]


def seal(secret: Secret) -> bytes:
    """The secret as it is stored."""
    return _fernet().encrypt(secret.reveal().encode())


def unseal(sealed: bytes) -> Secret:
    """The secret that was sealed. Raises SecretUnreadable."""
    try:
        return Secret(_fernet().decrypt(bytes(sealed)).decode())
    except InvalidToken as exc:
        raise SecretUnreadable from exc


def _fernet() -> MultiFernet:
    """Seals with the first key, opens with any."""
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(hashlib.sha256(_PURPOSE + key.encode()).digest())) for key in _keys()]
    )


def _keys() -> list[str]:
    return [*settings.SECRETS_KEYS, settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]
