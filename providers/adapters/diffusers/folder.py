"""What a model folder is: the hash of its content, which a catalogue file pins.

`python -m providers.adapters.diffusers.folder PATH` prints it.
"""

import hashlib
import sys
from pathlib import Path

_PIECE_BYTES = 1_048_576


def content_hash(folder: Path) -> str:
    """SHA-256 over every file's name, length and content, hidden ones left out. Raises OSError."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or any(part.startswith(".") for part in name.split("/")):
            continue
        whole.update(f"{len(name.encode())} {name} {path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                whole.update(piece)
    return whole.hexdigest()


if __name__ == "__main__":
    sys.stdout.write(content_hash(Path(sys.argv[1])) + "\n")
