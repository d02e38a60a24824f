"""Become another program that ends when its starter does. Run as a script, never imported.

A program of its own instead of `preexec_fn`: the supervisor has threads, and Python code between
fork and exec can deadlock there.
Arguments: PARENT_PID DEATH_SIGNAL UID:GID|- COMMAND...
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, signum, account, *command = sys.argv[1:]
    if account != "-":
        uid, gid = (int(part) for part in account.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After the change of user, which clears it (prctl(2)).
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signum))
    if os.getppid() != int(parent):
        sys.exit("the program that started this one is gone")
    try:
        os.execvp(command[0], command)  # noqa: S606 - replacing this process is its whole purpose
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.exit(127)


main()
