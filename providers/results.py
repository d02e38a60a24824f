"""Fetching results from where a provider keeps them: from hosts that the connection names, by https, through the guard,
without our key unless it is the connection's own server.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from providers import http, media
from providers.contracts import Artifact, Connection
from providers.errors import BadOutput, InvalidParams, Overloaded, ProviderError, TransientBeforeSend, UnknownOutcome
from providers.wire import Reply

_MOST_REDIRECTS = 2
# A file may not be everywhere yet where it is said to be.
_AGAIN_SECONDS = (0.5, 1.0, 2.0)
_PASSING = {404, 408, 425, 429, 500, 502, 503, 504}
_MOVED = {301, 302, 303, 307, 308}
_READ_SECONDS = 300.0


async def fetched(artifact: Artifact, connection: Connection, *, authorization: Mapping[str, str]) -> Artifact:
    """The artifact with its bytes, and the media type that they have. Raises BadOutput, or Overloaded for a host that
    cannot be reached: what is there can be fetched later."""
    content, said = artifact.content, artifact.media_type
    if artifact.url:
        content = (await _patiently(artifact.url, connection, authorization, media.most_bytes(said))).body
    return replace(artifact, content=content, media_type=media.type_of(content, said=said), url="")


async def _patiently(url: str, connection: Connection, authorization: Mapping[str, str], most_bytes: int) -> Reply:
    for pause in (*_AGAIN_SECONDS, None):
        failure: ProviderError
        try:
            reply = await _followed(url, connection, authorization, most_bytes)
        except InvalidParams as exc:
            raise BadOutput(f"The result's host: {exc}") from exc
        except (TransientBeforeSend, UnknownOutcome) as exc:
            failure = Overloaded(f"the result's host: {exc}")
        else:
            if reply.status == 200:
                return reply
            if reply.status not in _PASSING:
                raise BadOutput(f"The result's host answers {reply.status}.")
            failure = BadOutput(f"The result's host answers {reply.status}.")
        if pause is None:
            raise failure
        await asyncio.sleep(pause)
    raise AssertionError


async def _followed(url: str, connection: Connection, authorization: Mapping[str, str], most_bytes: int) -> Reply:
    for _ in range(_MOST_REDIRECTS + 1):
        _check_host(url, connection)
        headers = authorization if connection.is_origin_of(url) else {}
        reply = await http.call(
            "GET", url, connection=connection, headers=headers, read_seconds=_READ_SECONDS, most_bytes=most_bytes
        )
        if reply.status not in _MOVED:
            return reply
        url = urljoin(url, reply.headers.get("location", ""))
    raise BadOutput("The result's host sends from place to place.")


def _check_host(url: str, connection: Connection) -> None:
    host = (urlsplit(url).hostname or "").lower()
    if connection.is_origin_of(url):
        return
    if not any(host == known or host.endswith(f".{known}") for known in connection.result_hosts):
        raise BadOutput(f"The result lies at {host[:80] or 'no host'}, where this provider keeps none.")
