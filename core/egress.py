"""The guard of calls to addresses that others chose. A name is looked up once, every address that it has must be one
of the public internet or one that the operator lists, and the call goes to the address that was looked at.
"""

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from django.conf import settings

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Python 3.11 takes these for global: translations of IPv4, relays, multicast, deprecated site-local, a cloud's own.
_NOT_GLOBAL_EITHER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/23", "fec0::/10", "ff00::/8", "5f00::/16",
        "192.88.99.0/24", "224.0.0.0/4", "168.63.129.16/32", "100.64.0.0/10", "0.0.0.0/8",
    )
)  # fmt: skip


class AddressRefused(OSError):
    """The address may not be called. An OSError, so that HTTP clients take it for a connection that failed."""


class GuardedResolver(AbstractResolver):
    """Looks a name up and lets it pass only if all that it stands for may be called."""

    def __init__(self) -> None:
        self._names = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._names.resolve(host, port, family)
        check_addresses((item["host"] for item in found), host=host)
        return found

    async def close(self) -> None:
        await self._names.close()


def check_url(url: str, *, secure: bool = True) -> None:
    """Raises AddressRefused for an address that is no plain https address, or whose host is written as a number that
    may not be called. Names are judged when they are looked up. `secure` False lets http pass to listed networks."""
    parts = urlsplit(url)
    try:
        host, _ = parts.hostname, parts.port
    except ValueError as exc:
        raise AddressRefused("the address is malformed") from exc
    if parts.scheme not in ({"https"} if secure else {"https", "http"}):
        raise AddressRefused("the address is not an https one")
    if not host or parts.username is not None or parts.password is not None:
        raise AddressRefused("the address has no host, or names a person")
    if literal := _literal(host):
        check_addresses([str(literal)], host=host)


def check_addresses(addresses: Iterable[str], *, host: str) -> None:
    """Raises AddressRefused unless there is an address and each may be called."""
    found = [_unmapped(ipaddress.ip_address(text.split("%")[0])) for text in addresses]
    if not found:
        raise AddressRefused(f"{host} has no address")
    for address in found:
        if not _is_public(address) and not is_listed(address):
            raise AddressRefused(f"{host} is no address of the public internet")


def _literal(host: str) -> _Address | None:
    """The address that a host is written as, in any of the spellings that system libraries take for one."""
    try:
        return _unmapped(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        # 127.1, 0x7f.1, 2130706433: inet_aton reads what no one means.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _unmapped(address: _Address) -> _Address:
    return getattr(address, "ipv4_mapped", None) or address


def _is_public(address: _Address) -> bool:
    return address.is_global and not any(
        address in network for network in _NOT_GLOBAL_EITHER if network.version == address.version
    )


def is_listed(address: _Address) -> bool:
    """Whether the operator lets calls go to this address, though it is none of the public internet."""
    return any(address in network for network in _listed() if network.version == address.version)


def _listed() -> list[_Network]:
    return [ipaddress.ip_network(text) for text in settings.OUTBOUND_PRIVATE_NETWORKS]
