"""PostgreSQL refuses to run as root: which account it gets instead, and what that account can reach."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from wildmind.local.problems import LocalProblem


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int


def for_postgres(data: Path) -> Account | None:
    """None without root. Otherwise the owner of an existing database, so a first run without root stays usable."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (uid := data.stat().st_uid) != 0:
        return Account(uid, data.stat().st_gid)
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise LocalProblem(
            "PostgreSQL refuses to run as root and there is no account `nobody` to run it as. "
            "Run this as an ordinary user, or give DATABASE_URL."
        ) from error
    return Account(entry.pw_uid, entry.pw_gid)


def call(argv: list[str], *, account: Account | None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end as `account`, apart from the terminal's Ctrl-C so that it is never half done."""
    return subprocess.run(  # noqa: S603 - our own programs, no shell
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd="/",
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def can_enter(folder: Path, account: Account | None) -> bool:
    """Tried rather than computed: mode bits do not tell about access lists, mounts and the like."""
    return account is None or call(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)], account=account).returncode == 0


def give(folder: Path, account: Account | None) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if account:
        os.chown(folder, account.uid, account.gid)
