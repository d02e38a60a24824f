"""Loopback TCP ports."""

import errno
import socket

from wildmind.local.problems import LocalProblem

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def choose(wanted: str) -> int:
    """The port for the web server; `0` stands for any free one."""
    if not (wanted.isascii() and wanted.isdigit() and int(wanted) <= 65535):
        raise LocalProblem(f"WILDMIND_PORT must be a number from 0 to 65535, not {wanted!r}.")
    port = int(wanted)
    if port == 0:
        return free_port()
    _require_free(port)
    return port


def _require_free(port: int) -> None:
    other = port + 1 if port < 65535 else port - 1
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the web server binds: a connection in TIME_WAIT is no hindrance, a listener is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                raise LocalProblem(
                    f"Port {port} needs privileges. Choose one above 1023: WILDMIND_PORT=8001 make run"
                ) from error
            raise LocalProblem(
                f"Port {port} is in use. Stop the other program or choose another: WILDMIND_PORT={other} make run"
            ) from error
