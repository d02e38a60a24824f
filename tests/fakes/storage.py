"""Disks that are not what one hopes for."""

import time
from typing import Any

from assets.storage import LocalStorage


class SlowStorage(LocalStorage):
    """Takes four seconds for a file."""

    def save(self, name: Any, content: Any, max_length: int | None = None) -> str:
        time.sleep(4)
        return super().save(name, content, max_length)
