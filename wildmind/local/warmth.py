"""Whether the database was prepared by exactly this code, so that the next start can skip it."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

_DATA = {".yaml", ".yml", ".json"}
# Nothing in these reaches the database, and some are large.
_PASSED_OVER = {"static", "templates", "tests", "docs", "deploy", "node_modules", "locale", "__pycache__"}
_PREPARING = ("seed", "catalog", "plans", "prepare")


def fingerprint(root: Path, *, seed: str) -> str:
    digest = hashlib.sha256(seed.encode())
    for path in sorted(_inputs(root)):
        digest.update(f"\0{path.relative_to(root)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _inputs(root: Path) -> Iterator[Path]:
    """Migrations, whatever `prepare` seeds from, and the locked versions (they bring migrations too)."""
    if (lock := root / "requirements.txt").exists():
        yield lock
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if name not in _PASSED_OVER and not name.startswith(".")]
        here = Path(folder)
        if here == root:
            continue
        for name in names:
            path = here / name
            if path.suffix in _DATA or (path.suffix == ".py" and _prepares(path)):
                yield path


def _prepares(path: Path) -> bool:
    return path.parent.name.endswith("migrations") or path.stem.startswith(_PREPARING)
