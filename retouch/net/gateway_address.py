"""The gateway's address, and the key that is sent there: only over TLS, or to this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from retouch.errors import InputError

SCHEMES = ("https", "http")


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    """Where a gateway is, without a ``/`` at the end, and a key of it. ``loopback``: it is on this machine."""

    url: str
    token: str = field(repr=False)
    loopback: bool

    @property
    def shown(self) -> str:
        """Where it is, for people."""
        return self.url

    @classmethod
    def parse(cls, url: str, token: str, *, plain_http: bool = False) -> GatewayAddress:
        """Read both; raises InputError, which shows neither a key nor a part of an address that is none.

        ``plain_http``: the key may be sent without TLS to another machine.
        """
        host = _host(url)
        loopback = _is_loopback(host)
        if url.lower().startswith("http:") and not loopback and not plain_http:
            raise InputError(
                f"RETOUCH_URL is http:// and leads to {host[:80]}, so RETOUCH_TOKEN could be read on the way: write"
                " https://, or set RETOUCH_PLAIN_HTTP=yes if that network is yours alone"
            )
        if not token:
            raise InputError("RETOUCH_URL needs RETOUCH_TOKEN (or RETOUCH_TOKEN_FILE): a key of the gateway")
        if not all("!" <= sign <= "~" for sign in token):
            raise InputError("RETOUCH_TOKEN is no key of a gateway: it has characters that none has")
        return cls(url.rstrip("/"), token, loopback)


def is_gateway(url: str) -> bool:
    """Whether a queue's address is a gateway's, and not that of a Redis."""
    return url.lower().startswith(tuple(f"{scheme}://" for scheme in SCHEMES))


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or parts.scheme not in SCHEMES or not url.isprintable() or " " in url:
        raise InputError("RETOUCH_URL is no address of a gateway, such as https://retouch.example.com")
    if any(sign in url for sign in "@?#"):
        raise InputError("RETOUCH_URL has more than a host and a path; the key goes into RETOUCH_TOKEN")
    return host


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
