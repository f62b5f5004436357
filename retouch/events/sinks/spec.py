"""What a sink is, as a URL names it: where events are delivered, under which name, and which of them.

``https://HOST/PATH``, ``sns:ARN``, ``sqs:ARN`` or ``eventbridge:ARN``; with ``?name=NAME`` and ``?types=TYPE,TYPE``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from retouch.errors import InputError
from retouch.nearest import nearest
from retouch.net.addresses import PrivateHosts, check_url, is_http_url
from retouch.net.redaction import without_query

NAMESPACE = "retouch."  # of the types of events
TYPES = (
    *("edit.completed", "edit.failed", "edit.cancelled"),
    *("batch.completed", "paused", "resumed"),
)
OF_A_BATCH = ("batch.completed", "paused", "resumed")  # what a batch's own sink is told unless it asks for others
WEBHOOK = "webhook"  # the sink of RETOUCH_WEBHOOK_URL
BATCH_SINKS = "notify"  # a batch's own sink is ``notify:BATCH``
_MAX_URL = 2048  # characters

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ARN = re.compile(
    r"arn:aws[a-z-]*:(?P<service>[a-z]+):(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):(?P<what>[A-Za-z0-9._/-]{1,256})"
)


class SinkKind(StrEnum):
    """What takes the events."""

    WEBHOOK = "webhook"
    SNS = "sns"
    SQS = "sqs"
    EVENTBRIDGE = "eventbridge"


_SERVICES = {SinkKind.SNS: "sns", SinkKind.SQS: "sqs", SinkKind.EVENTBRIDGE: "events"}
_EXAMPLES = {
    SinkKind.SNS: "sns:arn:aws:sns:eu-central-1:123456789012:TOPIC",
    SinkKind.SQS: "sqs:arn:aws:sqs:eu-central-1:123456789012:QUEUE",
    SinkKind.EVENTBRIDGE: "eventbridge:arn:aws:events:eu-central-1:123456789012:event-bus/BUS",
}


@dataclass(frozen=True, slots=True)
class SinkSpec:
    """A sink: ``target`` is a URL or an ARN. ``types``: of events, without ``retouch.``; empty: all.

    ``shown``: what people are told of the target, which may hold secrets itself.
    """

    kind: SinkKind
    name: str
    target: str = field(repr=False)
    types: tuple[str, ...]
    shown: str

    @property
    def place(self) -> str:
        """What is shown, with a mark by which two targets can be told apart that are shown alike."""
        return f"{self.shown} ({_mark(self.target)})"


def parse_sinks(text: str) -> tuple[SinkSpec, ...]:
    """Read RETOUCH_SINKS, URLs with blanks between them; an InputError says which one is wrong, and shows no secret."""
    sinks: dict[str, SinkSpec] = {}
    for number, url in enumerate(text.split(), 1):
        try:
            sink = _parse(url, sinks)
        except InputError as error:
            raise InputError(f"its URL number {number} {error}") from None
        sinks[sink.name] = sink
    return tuple(sinks.values())


def webhook_spec(url: str) -> SinkSpec:
    """The sink of RETOUCH_WEBHOOK_URL, which is called as it is written."""
    return SinkSpec(SinkKind.WEBHOOK, WEBHOOK, url, (), shown_host(url))


def parse_notify(url: str, private_hosts: PrivateHosts) -> SinkSpec:
    """The sink that one batch's producer names; raises InputError unless it is https, and may be public.

    What its name leads to is looked up, and checked again, when it is called.
    """
    if not isinstance(url, str):
        raise TypeError(f"notify is of type {type(url).__name__}, and must be a URL")
    if len(url) > _MAX_URL:
        raise InputError(f"notify: the URL has {len(url)} characters; at most {_MAX_URL} are taken")
    if not url.startswith("https://"):
        raise InputError("notify: the URL must be one of https, such as https://example.com/hook")
    try:
        target, _, types = _split(url)
        _check_web(target)
    except InputError as error:
        raise InputError(f"notify: the URL {error}") from None
    try:
        check_url(target, private_hosts)
    except InputError as error:
        raise InputError(f"notify: {str(error).replace(without_query(target), shown_host(target))}") from None
    return SinkSpec(SinkKind.WEBHOOK, BATCH_SINKS, target, types or OF_A_BATCH, shown_host(target))


def shown_host(url: str) -> str:
    """What may be shown of a webhook's URL: its host. The rest may be a secret, the path too."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _parse(url: str, others: Collection[str]) -> SinkSpec:
    scheme = url.partition(":")[0]
    target, name, types = _split(url)
    if scheme in ("https", "http"):
        _check_web(target)
        kind, shown = SinkKind.WEBHOOK, shown_host(target)
    elif scheme in _EXAMPLES:
        kind = SinkKind(scheme)
        target = target.partition(":")[2]
        shown = _resource(kind, target)
    else:
        raise InputError("is of no kind that there is; write https://…, sns:ARN, sqs:ARN or eventbridge:ARN")
    name = name or _own_name(kind, shown, target)
    if name in others:
        raise InputError(f"is named {name!r} as another one is; give it a name of its own: ?name=NAME")
    return SinkSpec(kind, name, target, types, shown)


def _split(url: str) -> tuple[str, str, tuple[str, ...]]:
    """The URL without what is ours of its query, the name in it, and the types."""
    target, mark, query = url.partition("#")[0].partition("?")
    theirs, ours = [], {"name": "", "types": ""}
    for part in query.split("&") if mark else ():
        key, equals, value = part.partition("=")
        if key not in ours or not equals:
            theirs.append(part)
        elif ours[key]:
            raise InputError(f"gives {key} twice")
        else:
            ours[key] = unquote(value)
    return target + ("?" + "&".join(theirs) if theirs else ""), _name(ours["name"]), _types(ours["types"])


def _name(name: str) -> str:
    if name and not _NAME.fullmatch(name):
        raise InputError("has a name that cannot be one: 1 to 64 of A-Z a-z 0-9 . _ - beginning with a letter or digit")
    if name in (WEBHOOK, BATCH_SINKS):
        raise InputError(f"is named {name!r}, which is another sink's name; choose another")
    return name


def _types(text: str) -> tuple[str, ...]:
    names = [part.strip().removeprefix(NAMESPACE) for part in text.split(",") if part.strip()]
    for name in names:
        if name not in TYPES:
            meant = nearest(name, TYPES)
            raise InputError(
                f"asks for events of the type {name[:80]!r}, which there is not"
                + (f"; did you mean {meant}?" if meant else f"; there are {', '.join(TYPES)}")
            )
    return tuple(sorted(set(names)))


def _check_web(url: str) -> None:
    if not is_http_url(url):
        raise InputError("is no http or https URL")
    if not url.isascii():
        raise InputError("must be percent-encoded: it has characters that are not ASCII")
    if "@" in urlsplit(url).netloc:
        raise InputError("names a user; events are signed, so write it without one")


def _resource(kind: SinkKind, arn: str) -> str:
    """What an ARN names, as people know it; raises InputError unless it is one of that kind."""
    match = _ARN.fullmatch(arn)
    if not match or match["service"] != _SERVICES[kind]:
        raise InputError(f"must be written like {_EXAMPLES[kind]}")
    bus = match["what"].startswith("event-bus/")
    if bus is not (kind is SinkKind.EVENTBRIDGE) or "/" in match["what"].removeprefix("event-bus/"):
        raise InputError(f"must be written like {_EXAMPLES[kind]}")
    return match["what"].removeprefix("event-bus/")


def _own_name(kind: SinkKind, shown: str, target: str) -> str:
    """A name for a sink that has none: the same for the same target, and another for another."""
    return f"{kind}-{re.sub('[^A-Za-z0-9.-]', '-', shown.lower())[:50]}-{_mark(target)}"


def _mark(target: str) -> str:
    """A short digest, which keeps a secret in the URL: many others have the same."""
    host = urlsplit(target).netloc
    return hashlib.sha256(target.replace(host, host.lower(), 1).encode()).hexdigest()[:6]
