"""Where a webhook may lead: to the public Internet, unless a setting allows more.

Whoever may add a webhook could otherwise have the service call what only it can reach: a metadata service, a database
with an HTTP door, a printer (server-side request forgery, OWASP). A name is looked up by us and each address judged;
the sender then connects to the addresses that were judged and never looks the name up a second time.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.errors import InvalidRequest

Resolver = Callable[[str, int], list[str]]

_PORTS = {"http": 80, "https": 443}
# RFC 3986: what a URL is made of; a name in other letters is written as the DNS has it (xn--).
_URL = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|[0-9A-Fa-f:.]+")
# RFC 6052: the IPv4 address is in the last four bytes, as it is in an IPv4-mapped one.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# The relays of 6to4 (RFC 7526), which nobody should meet any more.
_SIX_TO_FOUR_RELAYS = ipaddress.IPv4Network("192.88.99.0/24")


class TargetRefused(InvalidRequest):
    """A webhook must not lead there.

    Codes: `invalid_url`, `private_target`, `unknown_host`.
    """

    code = "invalid_url"


@dataclass(frozen=True)
class Target:
    """A URL in its parts, parsed once; `path` begins with / and holds the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """Host and port as RFC 9110 has them in a request."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_target(url: str) -> Target:
    """The parts of an http or https URL without user, password and fragment; TargetRefused for any other."""
    if not _URL.fullmatch(url):
        raise TargetRefused("The URL holds characters that must be percent-encoded, or a fragment.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise TargetRefused("The URL cannot be read.") from error
    if parts.scheme not in _PORTS:
        raise TargetRefused("The URL must begin with https:// or http://.")
    if parts.username is not None or parts.password is not None:
        raise TargetRefused("The URL must hold no user and no password.")
    host = parts.hostname or ""
    if not _HOST.fullmatch(host):
        raise TargetRefused("The URL names no host.")
    query = f"?{parts.query}" if parts.query else ""
    return Target(parts.scheme, host, _PORTS[parts.scheme] if port is None else port, (parts.path or "/") + query)


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host as the system knows them; OSError where there is none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError("no name of a host") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def checked_addresses(target: Target, *, private_allowed: bool, resolver: Resolver = resolve) -> list[str]:
    """The addresses to connect to; TargetRefused if one of them is not public, or there is none."""
    try:
        addresses = resolver(target.host, target.port)
    except OSError as error:
        raise TargetRefused("The host of the URL is not known.", code="unknown_host") from error
    if not addresses:
        raise TargetRefused("The host of the URL is not known.", code="unknown_host")
    if not private_allowed and not all(is_public(address) for address in addresses):
        raise TargetRefused(
            "The host of the URL is not on the public Internet: its address is private, loopback, link-local, "
            "multicast or reserved. NEUROBATCH_WEBHOOK_PRIVATE_TARGETS=1 allows that.",
            code="private_target",
        )
    return addresses


def is_public(address: str) -> bool:
    """Whether an address is a host's on the public Internet, also by the IPv4 address that it wraps."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            wrapped = ipaddress.IPv4Address(ip.packed[-4:])
        if wrapped is not None:
            return is_public(str(wrapped))
        if ip.is_site_local:
            return False
    elif ip in _SIX_TO_FOUR_RELAYS:
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback)
