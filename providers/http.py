"""The HTTP client of adapters: sessions of each event loop, and errors that say whether anything was sent.

aiohttp, because its cost does not grow with what is under way: at 500 calls at once a request takes 0.3 ms of CPU,
with httpx's pool 17 ms. No proxy of the environment, no cookies, no redirects.

What an operator configured is called as it is. Everything else, a workspace's endpoint or an address in an answer, goes
through `core.egress`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

import aiohttp
import orjson

from core.egress import AddressRefused, GuardedResolver, check_url
from providers.contracts import Connection, Ctx, WirePlan
from providers.errors import BadOutput, InvalidParams, TransientBeforeSend, UnknownOutcome
from providers.wire import Reply

_CONNECT_SECONDS = 5.0
_MOST_BYTES = 10_000_000
_LONGEST_LINE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a form."""

    field: str
    content: bytes
    media_type: str
    filename: str


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart body, with or without files. A field that is a list comes once for each."""

    fields: Mapping[str, Any]
    parts: tuple[Part, ...] = ()


async def send(
    ctx: Ctx,
    plan: WirePlan,
    *,
    headers: Mapping[str, str],
    path: str | None = None,
    more: Mapping[str, Any] | None = None,
    read_seconds: float = 240.0,
    most_bytes: int = _MOST_BYTES * 10,
) -> Reply:
    """Makes a plan's request on the context's connection. `more` goes into the body beside the plan's payload, for
    what only `submit` knows: the attempt's name, where to tell that it is over. Raises as `call` does."""
    payload = {**plan.payload, **(more or {})}
    parts = [
        Part(item.field, await ctx.read(item.media), item.media.media_type, _filename(item.media.media_type))
        for item in plan.files
    ]
    url = ctx.connection.url(plan.path if path is None else path)
    return await call(
        plan.method, f"{url}?{urlencode(plan.query)}" if plan.query else url, connection=ctx.connection,
        body=payload if plan.encoding == "json" else Form(payload, tuple(parts)), headers={**plan.headers, **headers},
        read_seconds=read_seconds, most_bytes=most_bytes,
    )  # fmt: skip


async def call(
    method: str,
    url: str,
    *,
    connection: Connection | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    read_seconds: float = 30.0,
    most_bytes: int = _MOST_BYTES,
) -> Reply:
    """One request; whatever status comes is an answer. `body` is a Form, bytes to send as they are, or what is sent as
    JSON.

    An operator's connection is trusted at its own origin, and there alone.

    Raises TransientBeforeSend when nothing can have arrived, UnknownOutcome when it may have, BadOutput when the
    answer is longer than `most_bytes`, InvalidParams when the address may not be called.
    """
    async with _request(method, url, connection, body, headers, read_seconds) as answer:
        return Reply(answer.status, _lowered(answer), await _read(answer, most_bytes))


@asynccontextmanager
async def stream(
    method: str, url: str, *, connection: Connection, body: Any, headers: Mapping[str, str], idle_seconds: float = 30.0
) -> AsyncIterator[tuple[Reply, AsyncIterator[bytes]]]:
    """A request whose answer comes line by line: its status and headers, and the lines without their ends.

    An answer that is no success has its body in the reply, and no lines. Raises as `call` does, also while lines are
    read: UnknownOutcome for a stream that is cut or stands still for `idle_seconds`.
    """
    async with _request(method, url, connection, body, headers, idle_seconds) as answer:
        if answer.status >= 300:
            yield Reply(answer.status, _lowered(answer), await _read(answer, _MOST_BYTES)), _no_lines()
        else:
            yield Reply(answer.status, _lowered(answer), b""), _lines(answer)


async def close() -> None:
    """Ends the running loop's sessions, if it has any."""
    for session in _sessions.pop(asyncio.get_running_loop(), {}).values():
        await session.close()


@asynccontextmanager
async def _request(
    method: str,
    url: str,
    connection: Connection | None,
    body: Any,
    headers: Mapping[str, str] | None,
    read_seconds: float,
) -> AsyncIterator[aiohttp.ClientResponse]:
    trusted = connection is not None and connection.workspace_id is None and connection.is_origin_of(url)
    is_json = body is not None and not isinstance(body, Form | bytes)
    try:
        if not trusted:
            check_url(url, secure=connection is None or not connection.is_origin_of(url))
        async with _session(trusted=trusted).request(
            method, url, data=orjson.dumps(body) if is_json else _encoded(body),
            headers={**({"Content-Type": "application/json"} if is_json else {}), **(headers or {})},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=read_seconds),
            allow_redirects=False,
        ) as answer:  # fmt: skip
            yield answer
    except AddressRefused as exc:
        raise InvalidParams(f"{exc}: it may not be called") from exc
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as exc:
        if isinstance(exc.__cause__, AddressRefused):
            raise InvalidParams(f"{exc.__cause__}: it may not be called") from exc
        raise TransientBeforeSend(type(exc).__name__) from exc
    except aiohttp.InvalidURL as exc:
        raise InvalidParams("the address is malformed") from exc
    except (aiohttp.ClientError, TimeoutError, OSError) as exc:
        raise UnknownOutcome(type(exc).__name__) from exc


def _encoded(body: Form | bytes | None) -> aiohttp.FormData | bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return _multipart(body)


def _multipart(form: Form) -> aiohttp.FormData:
    data = aiohttp.FormData(default_to_multipart=True)
    for name, value in form.fields.items():
        for one in value if isinstance(value, list | tuple) else (value,):
            data.add_field(name, _text(one))
    for part in form.parts:
        data.add_field(part.field, part.content, content_type=part.media_type, filename=part.filename)
    return data


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _filename(media_type: str) -> str:
    return f"file.{media_type.partition('/')[2].partition('+')[0] or 'bin'}"


def _lowered(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


async def _read(answer: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_chunked(65_536):
        size += len(part)
        if size > most_bytes:
            answer.close()
            raise BadOutput(f"An answer of more than {most_bytes} bytes.")
        parts.append(part)
    return b"".join(parts)


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    left = b""
    async for part in answer.content.iter_any():
        *whole, left = (left + part).split(b"\n")
        if len(left) > _LONGEST_LINE_BYTES:
            raise BadOutput("A line of an answer is too long.")
        for line in whole:
            yield line.removesuffix(b"\r")
    if left:
        yield left


async def _no_lines() -> AsyncIterator[bytes]:
    return
    yield b""


_sessions: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[bool, aiohttp.ClientSession]]" = WeakKeyDictionary()


def _session(*, trusted: bool) -> aiohttp.ClientSession:
    """No limit of its own: how many calls may be under way is decided where steps are claimed."""
    sessions = _sessions.setdefault(asyncio.get_running_loop(), {})
    session = sessions.get(trusted)
    if session is None or session.closed:
        resolver = None if trusted else GuardedResolver()
        session = sessions[trusted] = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, resolver=resolver),
            cookie_jar=aiohttp.DummyCookieJar(), trust_env=False,
        )  # fmt: skip
    return session
