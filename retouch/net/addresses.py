"""Which addresses may be called.

A URL from outside (a manifest's ``init_image``, a result's link, a webhook) may only lead to a public address.
``RETOUCH_PRIVATE_HOSTS`` lists exceptions as ``host`` (any port) or ``host:port``.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from retouch.errors import InputError
from retouch.net.redaction import without_query

MAX_HOST = 253  # characters, as DNS has it
DEFAULT_PORTS = {"http": 80, "https": 443}

_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_ENTRY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+|[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*)(:(?P<port>\d{1,5}))?")
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f.]*:[0-9a-f:.]*(%[a-z0-9._-]+)?")
_ENDS_IN_NUMBER = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)|.*:.*")
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")

_IPV6_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that is given out; the rest is reserved, local or embedded
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Global to ``ipaddress`` (of some Python versions) and yet never another party's public host.
_NOT_PUBLIC = (
    ipaddress.IPv4Network("192.0.0.0/24"),  # IETF protocol assignments; a cloud's metadata service lives here
    ipaddress.IPv4Network("192.88.99.0/24"),  # 6to4 relays
    ipaddress.IPv4Network("168.63.129.16/32"),  # Azure's platform service, on every Azure machine
)


class PrivateHosts:
    """The hosts that may be called although they are not public."""

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._entries = frozenset(entries)

    @classmethod
    def parse(cls, text: str) -> PrivateHosts:
        """Read ``host`` and ``host:port`` entries, comma separated; raises InputError naming a bad one."""
        entries = [part.strip().lower() for part in text.split(",") if part.strip()]
        for entry in entries:
            match = _ENTRY.fullmatch(entry)
            if not match or int(match["port"] or 1) not in range(1, 65536):
                raise InputError(f"{entry!r} is not a host or host:port (write 127.0.0.1:9000, no scheme, no path)")
        return cls(entries)

    def allows(self, host: str, port: int) -> bool:
        """Tell whether ``host`` (a name or an address, as written in the URL) may be called at ``port``."""
        name = host.lower()
        bracketed = f"[{name}]" if ":" in name else name
        return name in self._entries or bracketed in self._entries or f"{bracketed}:{port}" in self._entries

    def __bool__(self) -> bool:
        return bool(self._entries)


def is_http_url(text: str) -> bool:
    """Tell whether a text that a person has configured is a URL of http or https, of any host."""
    try:
        parts = urlsplit(text)
        right = parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
    return right and text.isprintable() and " " not in text and "\\" not in text


@lru_cache(maxsize=1024)  # the same few hosts serve all results
def is_public(address: str) -> bool:
    """Tell whether an IP address (no name) is public; looks through IPv4 addresses wrapped in IPv6."""
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC)
    wrapped = ip.ipv4_mapped or ip.sixtofour
    if wrapped is None and ip in _NAT64:
        wrapped = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if wrapped is not None:
        return is_public(str(wrapped))
    return ip in _IPV6_UNICAST and ip.is_global


def literal_address(host: str) -> str | None:
    """Return ``host`` as a plain IP address if it is one in any notation that a resolver takes, else None.

    ``inet_aton`` forms (``127.1``, ``0x7f000001``, ``2130706433``) count: they reach the same place.
    """
    try:
        return str(ipaddress.ip_address(host.split("%", 1)[0]))
    except ValueError:
        pass
    parts = host.rstrip(".").split(".")
    try:
        numbers = [
            int(p, 16 if p.lower().startswith("0x") else 8 if p.startswith("0") and p != "0" else 10) for p in parts
        ]
    except ValueError:
        return None
    *high, low = numbers
    if len(numbers) > 4 or any(not 0 <= n <= 255 for n in high) or not 0 <= low < 256 ** (5 - len(numbers)):
        return None
    value = low
    for place, number in enumerate(high):
        value |= number << (24 - 8 * place)
    return str(ipaddress.IPv4Address(value))


def check_url(url: str, private_hosts: PrivateHosts) -> None:
    """Refuse a URL that is not plain http(s) or that names a private address; looks nothing up.

    A name is looked up only when it is called (``retouch.media.fetch``); its addresses are checked then.
    Raises InputError in one sentence that names what is wrong.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InputError(f"{without_query(url)!r} is not a URL") from None
    if parts.scheme not in DEFAULT_PORTS or not host:
        raise InputError(f"{without_query(url)!r} is not an http or https URL")
    if parts.username is not None or parts.password is not None:
        raise InputError(f"{without_query(url)!r} carries a user name or password")
    if _UNPRINTABLE.search(url):
        raise InputError(f"{without_query(url)!r} holds white space or control characters")
    check_host(host, port or DEFAULT_PORTS[parts.scheme], private_hosts)


def check_host(host: str, port: int, private_hosts: PrivateHosts) -> None:
    """Refuse a host that is not one, or that is private and not allowed at ``port``; raises InputError."""
    if len(host) > MAX_HOST:  # before the cache, which keeps what it is asked
        raise InputError(f"{host[:80]!r}… is not a host name: it has {len(host)} characters")
    if refusal := _refusal(host, port, private_hosts):
        raise InputError(refusal)


@lru_cache(maxsize=4096)  # the same few hosts serve a batch's images and all results
def _refusal(host: str, port: int, private_hosts: PrivateHosts) -> str | None:
    # As browsers and resolvers fold it: full-width digits and the ideographic full stop make addresses too.
    name = unicodedata.normalize("NFKC", host).lower().replace("\u3002", ".")
    if name.isascii() and not _HOST.fullmatch(name):
        return f"{host[:80]!r} is not a host name"
    if private_hosts.allows(host, port):
        return None
    name = name.rstrip(".")
    address = literal_address(name)
    if address is None and _ENDS_IN_NUMBER.fullmatch(name):  # aiohttp would call it without asking our resolver
        return f"{host[:80]!r} is not a host name"
    local = name == "localhost" or name.endswith(_LOCAL_SUFFIXES)
    if not name or local or (address is not None and not is_public(address)):
        return f"{host[:80]!r} is not a public address (list it in RETOUCH_PRIVATE_HOSTS to allow it)"
    if address is not None and ":" not in name and address != name:  # some C libraries read 010 as 8, some as 10
        return f"{host[:80]!r} is an address in an unusual notation (write {address})"
    return None
