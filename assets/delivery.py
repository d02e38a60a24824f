"""Short-lived links to private files: signed by us for the local disk, by the store itself on S3."""

import base64
import hashlib
import hmac
from datetime import datetime
from functools import lru_cache

from django.conf import settings
from django.core.files.storage import default_storage

from assets.errors import LinkExpired

PREFIX = "/media/"


def link(*, storage_key: str, at: datetime, download_as: str = "") -> str:
    """A URL that works for at least ASSETS_LINK_SECONDS and at most twice as long.

    The end is rounded up to a whole period: the same file has the same link for a while, so browsers cache it.
    """
    if not _is_local():
        parameters = {"ResponseContentDisposition": f'attachment; filename="{download_as}"'} if download_as else {}
        url: str = default_storage.url(storage_key, parameters=parameters, expire=2 * settings.ASSETS_LINK_SECONDS)  # type: ignore[call-arg]
        return url
    period = settings.ASSETS_LINK_SECONDS
    until = (int(at.timestamp()) // period + 2) * period
    query = f"?dl={download_as}" if download_as else ""
    return f"{PREFIX}{_sign(storage_key, until, download_as)}/{until}/{storage_key}{query}"


def check(*, signature: str, until: int, storage_key: str, download_as: str, at: datetime) -> None:
    """Raises LinkExpired unless we signed this very link and its time has not passed."""
    genuine = hmac.compare_digest(signature.encode(), _sign(storage_key, until, download_as).encode())
    if not genuine or at.timestamp() >= until:
        raise LinkExpired


def _sign(storage_key: str, until: int, download_as: str) -> str:
    digest = hmac.new(_key(), f"{until}\n{download_as}\n{storage_key}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:18]).decode("ascii")


@lru_cache(maxsize=1)
def _key() -> bytes:
    return hashlib.sha256(b"assets.delivery\0" + settings.SECRET_KEY.encode()).digest()


@lru_cache(maxsize=1)
def _is_local() -> bool:
    return bool(settings.STORAGES["default"]["BACKEND"] == "assets.storage.LocalStorage")
