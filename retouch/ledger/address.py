"""Where Redis is: the one reader of ``RETOUCH_REDIS_URL``, for the ledger and for Celery's broker."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import SentinelConnectionPool

from retouch.errors import InputError
from retouch.ledger import patient_connections as patient

MAX_SECONDS = 3600.0
PORT, SENTINEL_PORT = 6379, 26379
SENTINEL_TIMEOUT_S = 1.0  # for one Sentinel: where it is away, the next one is asked, and a command ends within 5 s
CERTIFICATES = ("none", "optional", "required")
FORMS = (
    "redis://[[user]:password@]host[:6379][/0], rediss:// (TLS), unix:///path, or"
    " sentinel://[[user]:password@]host[:26379],…[/0]?service=NAME"
)

SPECIAL = "has a special character in its password: write # as %23, / as %2F, ? as %3F, and @ as %40"

_TCP, _SENTINELS = ("redis", "rediss"), ("sentinel", "redis+sentinel", "rediss+sentinel")
_NAME = re.compile(r"[a-z_]{1,40}")
_DATABASE = re.compile(r"[0-9]{1,6}")


def _seconds(text: str) -> float:
    if not 0 < (value := float(text)) <= MAX_SECONDS:
        raise ValueError
    return value


def _number(text: str) -> int:
    if not _DATABASE.fullmatch(text):
        raise ValueError
    return int(text)


def _yes(text: str) -> bool:
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]


def _file(text: str) -> str:
    if not os.path.exists(text):
        raise ValueError
    return text


def _certificates(text: str) -> str:
    return CERTIFICATES[CERTIFICATES.index(text.lower().removeprefix("cert_"))]


# Options of the URL: how each is read, and what it must be.
_OPTIONS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "db": (_number, "a number"),
    "username": (str, "a name"),
    "password": (str, "a password"),
    "client_name": (str, "a name"),
    "socket_timeout": (_seconds, "a number of seconds"),
    "socket_connect_timeout": (_seconds, "a number of seconds"),
    "ssl_cert_reqs": (_certificates, "none, optional or required"),
    "ssl_ca_certs": (_file, "a file that is there"),
    "ssl_ca_path": (_file, "a folder that is there"),
    "ssl_certfile": (_file, "a file that is there"),
    "ssl_keyfile": (_file, "a file that is there"),
    "ssl_check_hostname": (_yes, "true or false"),
    "service": (str, "the name of the service"),
    "sentinel_username": (str, "a name"),
    "sentinel_password": (str, "a password"),
}


@dataclass(frozen=True, slots=True)
class Address:
    """A Redis, or the Sentinels that know where it is.

    ``shown``: for people, without secrets. ``hosts``: of Redis, or of the Sentinels; empty for a Unix socket, ``path``.
    ``service``: its name at the Sentinels, else empty. ``options``: of a connection.
    """

    shown: str
    hosts: tuple[tuple[str, int], ...]
    path: str
    tls: bool
    service: str
    db: int
    options: Mapping[str, Any] = field(repr=False)
    sentinel_options: Mapping[str, Any] = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a URL; raises InputError, in which no part of a password stands."""
        scheme, found, rest = url.strip().partition("://")
        scheme = scheme.lower()
        if not found or scheme not in (*_TCP, *_SENTINELS, "unix"):
            cluster = " (a cluster cannot be used)" if "cluster" in scheme else ""
            raise _wrong(f"is not a Redis URL{cluster}")
        authority, path, query = _split(rest)
        user, hosts = _user(authority)
        options = _options(query)
        if scheme == "unix":
            if hosts:
                raise _wrong("has a host in it, and a Unix socket has none: write unix:///path")
            if not (path := unquote(path)).strip("/"):
                raise _wrong("names no Unix socket")
            db = options.pop("db", 0)
        else:
            db = _database(path, options)
            path = ""
        sentinel = scheme in _SENTINELS
        tls = scheme.startswith("rediss")
        service = options.pop("service", "")
        if sentinel and not service:
            raise _wrong("names no service: add ?service=NAME, as the Sentinels call it")
        own, of_sentinels = _sort_options(user | options, tls=tls, sentinel=bool(service))
        places = () if path else _places(hosts, SENTINEL_PORT if sentinel else PORT, many=sentinel)
        if service and not sentinel:
            raise _wrong("names a service and no Sentinel: write sentinel://")
        where = path if path else ",".join(f"{_bracketed(host)}:{port}" for host, port in places) + f"/{db}"
        shown = f"{scheme}://{where}" + (f"?service={service}" if service else "")
        return cls(shown, places, path, tls, service, db, own, of_sentinels)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The passwords in it."""
        found = (self.options.get("password"), self.sentinel_options.get("password"))
        return tuple(secret for secret in found if secret)

    @property
    def connection_class(self) -> type[redis.connection.AbstractConnection]:
        """The class of its connections: one that waits for a server that refuses as for one that is away."""
        if self.path:
            return patient.UnixSocket
        if self.service:
            return patient.ManagedTls if self.tls else patient.Managed
        return patient.Tls if self.tls else patient.Tcp

    def pool(
        self, connection_class: type[redis.connection.AbstractConnection] | None = None, **options: Any
    ) -> redis.ConnectionPool:
        """A pool of connections, none of which is open yet. What the URL says goes before ``options``."""
        whole: dict[str, Any] = {**options, **self.options, "db": self.db}
        whole["connection_class"] = connection_class or self.connection_class
        if self.path:
            for name in ("socket_connect_timeout", "socket_keepalive"):
                whole.pop(name, None)
            return redis.ConnectionPool(path=self.path, **whole)
        if not self.service:
            [(host, port)] = self.hosts
            return redis.ConnectionPool(host=host, port=port, **whole)
        timeouts: dict[str, Any] = {
            name: whole[name] for name in ("socket_timeout", "socket_connect_timeout") if name in whole
        }
        tls = {name: value for name, value in self.options.items() if name.startswith("ssl_")} | {"ssl": self.tls}
        short = {name: min(seconds, SENTINEL_TIMEOUT_S) for name, seconds in timeouts.items() if seconds}
        own: dict[str, Any] = {"retry": Retry(NoBackoff(), 0), **short, **tls, **self.sentinel_options}
        sentinels = patient.Sentinels(self.hosts, sentinel_kwargs=own)  # type: ignore[no-untyped-call] # redis-py has no types here
        return SentinelConnectionPool(self.service, sentinels, **whole)  # type: ignore[no-untyped-call] # the same


def _wrong(what: str) -> InputError:
    return InputError(f"RETOUCH_REDIS_URL {what}. The form is {FORMS}")


def _split(rest: str) -> tuple[str, str, str]:
    """Authority, path and query. A sign of URLs in the password would end the authority too early."""
    whole, sharp, _ = rest.partition("#")
    before, _, query = whole.partition("?")
    authority, slash, path = before.partition("/")
    if sharp or "@" in path or ("@" in query and "@" not in authority):
        raise _wrong(SPECIAL)
    return authority, slash + path, query


def _user(authority: str) -> tuple[dict[str, str], str]:
    """Username and password, and what stands behind them."""
    user, _, hosts = authority.rpartition("@")
    name, _, password = user.partition(":")
    given = {"username": unquote(name), "password": unquote(password)}
    return {name: value for name, value in given.items() if value}, hosts


def _options(query: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name not in _OPTIONS and "@" in query:
            raise _wrong(SPECIAL)
        if name not in _OPTIONS:
            named = f" ({name})" if _NAME.fullmatch(name) else ""
            raise _wrong(f"has an option that is not known{named}; known are {', '.join(_OPTIONS)}")
        read, must = _OPTIONS[name]
        try:
            options[name] = read(text)
        except (ValueError, KeyError):
            raise _wrong(f"is wrong at {name}: that must be {must}") from None
    return options


def _database(path: str, options: dict[str, Any]) -> int:
    text = path.strip("/")
    if text and not _DATABASE.fullmatch(text):
        raise _wrong("has no number of a database behind its host")
    return int(options.pop("db", text or 0))


def _sort_options(options: dict[str, Any], *, tls: bool, sentinel: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Those of Redis' connections, and those of the Sentinels' own."""
    own = {name: value for name, value in options.items() if not name.startswith("sentinel_")}
    of_sentinels = {n.removeprefix("sentinel_"): value for n, value in options.items() if n.startswith("sentinel_")}
    if of_sentinels and not sentinel:
        raise _wrong("has an option of Sentinels, and names none: write sentinel://")
    if not tls and any(name.startswith("ssl_") for name in own):
        raise _wrong("has an option of TLS, and no TLS: write rediss:// (for Sentinels rediss+sentinel://)")
    if "ssl_keyfile" in own and "ssl_certfile" not in own:
        raise _wrong("names an ssl_keyfile and no ssl_certfile")
    _load_authorities(own)
    if tls:  # redis-py before 6 checks no name by itself
        own.setdefault("ssl_check_hostname", own.get("ssl_cert_reqs") != "none")
    return own, of_sentinels


def _load_authorities(options: dict[str, Any]) -> None:
    file, folder = options.get("ssl_ca_certs"), options.get("ssl_ca_path")
    try:
        if file or folder:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file, folder)
    except OSError:  # ssl's errors are such, too
        raise _wrong("names certificates that cannot be read: ssl_ca_certs must be a file in PEM format") from None


def _places(hosts: str, port: int, *, many: bool) -> tuple[tuple[str, int], ...]:
    parts = hosts.split(",")
    if len(parts) > 1 and not many:
        raise _wrong("has more than one host, which Sentinels alone may have (a cluster cannot be used): sentinel://")
    return tuple(_place(part, port) for part in parts)


def _place(text: str, port: int) -> tuple[str, int]:
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]\s]*)(?::([0-9]{1,5}))?", text)
    if not match or (match[2] and not 0 < int(match[2]) < 65536):
        raise _wrong("has no host, or a port that is no number from 1 to 65535")
    host = unquote(match[1]).strip("[]") or "localhost"
    if any(not 0 < len(label) < 64 for label in host.rstrip(".").split(".")):
        raise _wrong("has a host that cannot be one: a part between dots is empty, or longer than 63 characters")
    return host, int(match[2] or port)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
