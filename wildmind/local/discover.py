"""Where a live `make run` listens, for `manage.py` and the settings in another process."""

import json
import os
from collections.abc import MutableMapping
from pathlib import Path

from wildmind.local.processes import Identity, is_running

FILE = "services.json"
ROOT = Path(__file__).resolve().parents[2]


def data_folder(environ: MutableMapping[str, str] = os.environ) -> Path:
    # Relative to the repository, not to wherever the command was typed.
    return ROOT / Path(environ.get("WILDMIND_DATA_DIR") or ".local").expanduser()


def environment(environ: MutableMapping[str, str] = os.environ) -> None:
    """Fill in DATABASE_URL and REDIS_URL where unset. Without a live run nothing changes."""
    if environ.get("DATABASE_URL") and environ.get("REDIS_URL"):
        return
    for name, value in _live_urls(data_folder(environ) / FILE).items():
        if not environ.get(name):
            environ[name] = value


def _live_urls(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        owner = Identity(content["pid"], content["started"])
        urls = {str(name): str(value) for name, value in content["urls"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Absent, another account's, or half written by something that is not us: as good as absent.
        return {}
    return urls if is_running(owner) else {}
