"""Files on the local disk: written whole or not at all, and never twice under two names."""

import os
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage


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
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o640)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return name
