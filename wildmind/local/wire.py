"""One question to PostgreSQL over its unix socket, without a driver: the supervisor stays standard library only.

Protocol 3.0, simple query, `trust` sign-in only. Source: PostgreSQL manual, "Frontend/Backend Protocol".
"""

import socket
import struct
from pathlib import Path

_PROTOCOL = 196608


class Refused(Exception):
    """The server answered with an error, or not at all."""


def ask(query: str, *, socket_path: Path, user: str, database: str) -> list[str]:
    """The first column of every row. Raises Refused."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(10)
            connection.connect(str(socket_path))
            return _Conversation(connection).run(query, user=user, database=database)
    except OSError as error:
        raise Refused(str(error)) from error


class _Conversation:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")

    def run(self, query: str, *, user: str, database: str) -> list[str]:
        words = "\0".join(("user", user, "database", database, "", ""))
        self._connection.sendall(_message(b"", struct.pack("!i", _PROTOCOL) + words.encode()))
        self._until_ready()
        self._connection.sendall(_message(b"Q", query.encode() + b"\0"))
        rows = self._until_ready()
        self._connection.sendall(_message(b"X", b""))
        return rows

    def _until_ready(self) -> list[str]:
        rows = []
        while True:
            kind, body = self._receive()
            if kind == b"E":
                raise Refused(_error_text(body))
            if kind == b"D":
                (length,) = struct.unpack_from("!i", body, 2)
                rows.append(body[6 : 6 + max(length, 0)].decode())
            if kind == b"Z":
                return rows

    def _receive(self) -> tuple[bytes, bytes]:
        head = self._stream.read(5)
        if len(head) < 5:
            raise Refused("the server closed the connection")
        (length,) = struct.unpack("!i", head[1:])
        return head[:1], self._stream.read(length - 4)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _error_text(body: bytes) -> str:
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
    return fields.get(b"M", "unknown error")
