"""Identifiers: UUIDv7 in the database, TypeIDs (prefix and Crockford base32) in public.

Sources: RFC 9562 section 5.7; TypeID specification 0.3 (https://github.com/jetify-com/typeid).
"""

import os
import time
from datetime import datetime
from uuid import UUID

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {char: value for value, char in enumerate(_ALPHABET)}
_LENGTH = 26


def uuid7() -> UUID:
    """A time-ordered id: 48 bits of Unix milliseconds, 12 of the fraction (RFC 9562, section 6.2, method 3), 62 random.

    The wall clock only orders ids; nothing is decided by it.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(os.urandom(8), "big")
    value |= 0x7 << 76 | (rest * 4096 // 1_000_000) << 64
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def floor(at: datetime) -> UUID:
    """Below every id that was made at or after this time, by the clock that made it."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


def to_public(prefix: str, value: UUID) -> str:
    """`gen` and a UUID as `gen_01jc…`."""
    number = value.int
    chars = []
    for _ in range(_LENGTH):
        chars.append(_ALPHABET[number & 31])
        number >>= 5
    return f"{prefix}_{''.join(reversed(chars))}"


def from_public(prefix: str, text: str) -> UUID | None:
    """The UUID inside a public id, or None when the text is not one with this prefix."""
    head, separator, tail = text.rpartition("_")
    if head != prefix or not separator or len(tail) != _LENGTH or tail[0] > "7":
        return None
    number = 0
    for char in tail:
        value = _VALUES.get(char)
        if value is None:
            return None
        number = number << 5 | value
    return UUID(int=number)
