"""Files on the local disk: written whole or not at all, and never twice under two names."""

import os
import secrets
from pathlib import Path

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

_NEW, _MODE = os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640


class LocalStorage(FileSystemStorage):
    """Keys are chosen by content, so a key that exists already holds what is being saved.

    A file appears under its name in one step (rename), so a worker killed while writing leaves no half file.
    """

    def __init__(self) -> None:
        super().__init__(location=getattr(settings, "MEDIA_ROOT", None) or settings.DATA_DIR / "media", base_url=None)

    def save(self, name: str | None, content: File[bytes], max_length: int | None = None) -> str:  # type: ignore[override]
        if name is None:
            raise ValueError("A stored file has a key.")
        target = Path(self.path(name))
        temporary = target.with_name(f".part-{secrets.token_hex(8)}")
        handle = _created(temporary)
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fchmod(handle, _MODE)
                os.fsync(handle)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return name


def _created(path: Path) -> int:
    try:
        return os.open(path, _NEW, _MODE)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, _NEW, _MODE)
