"""The variables that producers and the command line share, the names of all, and the files that hold secrets.

(Workers: ``config.settings``.)
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from retouch.bucket_names import check_bucket, check_prefix
from retouch.errors import InputError
from retouch.ledger.keys import DEFAULT_NAMESPACE, check_namespace
from retouch.net.addresses import PrivateHosts
from retouch.net.gateway_address import GatewayAddress
from retouch.senders import check_sender

DEFAULT_REDIS_URL = "redis://localhost:6379/0"
_PREFIX = "RETOUCH_"
VARIABLES = frozenset(
    f"{_PREFIX}{name}"
    for name in (
        *("REDIS_URL", "NAMESPACE", "PRIVATE_HOSTS", "BUCKET", "PREFIX", "PRICE", "DAILY_BUDGET", "DEBUG", "PYTHON"),
        *("API_URL", "API_KEY", "API_IDEMPOTENT", "WEBHOOK_URL", "WEBHOOK_SECRET", "SINKS"),
        *("ON_AMBIGUOUS", "RESUBMITS"),
        *("MAX_IN_FLIGHT", "RATE_LIMIT", "SUBMIT_RATE", "POLL_RATE", "POLL_MIN", "POLL_MAX", "POLL_LAG"),
        *(
            "PATIENCE",
            "LEASE",
            "DEADLINE",
            "RETENTION",
            "JOURNAL",
            "RESULTS_PARQUET",
            "GATEWAY_MAX_BODY",
            "LISTENER_QUEUE",
        ),
        *("RECIPES", "SENDER"),
        *("URL", "TOKEN", "PLAIN_HTTP"),  # of the gateway, for producers that call it
    )
)
SECRETS = tuple(f"{_PREFIX}{name}" for name in ("API_KEY", "REDIS_URL", "SINKS", "WEBHOOK_SECRET", "WEBHOOK_URL"))
CALLERS_SECRETS = ("RETOUCH_TOKEN",)  # of producers alone
FILE = "_FILE"  # NAME_FILE names the file that holds the secret NAME
_AWS_FILE = "AWS_SHARED_CREDENTIALS_FILE"  # AWS's own; boto3 passes over one that it cannot read, without a word
_AWS_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_MAX_SECRET = 65_536  # bytes
_PIPE_WAIT_S = 10.0  # for ``<(…)``, whose program may take its time
_KNOWN = VARIABLES | {name + FILE for name in (*SECRETS, *CALLERS_SECRETS)}
_NEAR = 0.85  # so alike two names are that differ by a letter or a sign


@dataclass(frozen=True, slots=True)
class Environment:
    """What the variables ``RETOUCH_…`` say; one that is empty counts as not set.

    ``gateway``: where batches are reached, if no Redis is named, and a gateway is. ``sender``: whose edits they are.
    """

    redis_url: str
    namespace: str
    private_hosts: PrivateHosts
    bucket: str
    prefix: str
    gateway: GatewayAddress | None = None
    sender: str = ""

    @classmethod
    def read(cls, variables: Mapping[str, str] = os.environ) -> Environment:
        """Read the variables; raises an InputError that names the one with a wrong value, or a mistyped name."""
        check_names(variables)
        variables = {**variables, **secrets_of_files(variables, ("RETOUCH_REDIS_URL",))}
        names = ("redis_url", "namespace", "private_hosts", "bucket", "prefix")
        value = {name: variables.get(f"RETOUCH_{name.upper()}") or "" for name in names}
        return cls(
            redis_url=value["redis_url"] or DEFAULT_REDIS_URL,
            namespace=parse_namespace(value["namespace"]),
            private_hosts=parse_private_hosts(value["private_hosts"]),
            bucket=parse_bucket(value["bucket"]),
            prefix=check_prefix(value["prefix"], "RETOUCH_PREFIX"),
            gateway=None if value["redis_url"] else gateway_of(variables),
            sender=sender_of(variables),
        )


def gateway_of(variables: Mapping[str, str] = os.environ) -> GatewayAddress | None:
    """The gateway that RETOUCH_URL, RETOUCH_TOKEN (or its file) and RETOUCH_PLAIN_HTTP name; None without the first.

    Raises an InputError that names the one with a wrong value.
    """
    url = variables.get("RETOUCH_URL")
    if not url:
        return None
    token = secrets_of_files(variables, CALLERS_SECRETS).get("RETOUCH_TOKEN") or variables.get("RETOUCH_TOKEN", "")
    return GatewayAddress.parse(url, token, plain_http=plain_http(variables))


def sender_of(variables: Mapping[str, str] = os.environ) -> str:
    """RETOUCH_SENDER: whose edits are enqueued, for people; empty: nobody has said. Raises InputError."""
    return check_sender(variables.get("RETOUCH_SENDER", ""))


def plain_http(variables: Mapping[str, str] = os.environ) -> bool:
    """Whether RETOUCH_PLAIN_HTTP allows a key to be sent without TLS; raises InputError."""
    given = variables.get("RETOUCH_PLAIN_HTTP") or "no"
    if given not in ("yes", "no"):
        raise InputError("RETOUCH_PLAIN_HTTP must be yes or no")
    return given == "yes"


def secret(name: str) -> str:
    """The secret of that name, from its variable or its file; empty if neither is set.

    Raises InputError as ``secrets_of_files`` does. Ask for it where it is used: who does without it must not need it.
    """
    return secrets_of_files(names=(name,)).get(name) or os.environ.get(name, "")


def secrets_of_files(variables: Mapping[str, str] = os.environ, names: Collection[str] = SECRETS) -> dict[str, str]:
    """Each of these that a variable ``NAME_FILE`` names a file of: NAME → the text, without one newline at its end.

    Raises an InputError that names the variable and the path (never what the file holds) if the file cannot be read or
    is empty, or if NAME is set as well.
    """
    found = {}
    for name in names:
        if path := variables.get(name + FILE):
            if variables.get(name):
                raise InputError(f"{name} and {name}{FILE} are both set; set one of them")
            found[name] = _secret(name, path)
    return found


def _secret(name: str, path: str) -> str:
    variable = name + FILE
    if not os.path.isabs(path):  # not shown: it may be the secret itself
        raise InputError(
            f"{variable} must be the absolute path of a file, such as /run/secrets/{name.removeprefix(_PREFIX).lower()}"
        )
    data = _read(variable, path, _MAX_SECRET + 1)
    if len(data) > _MAX_SECRET:
        raise InputError(f"{variable}: {path} is larger than {_MAX_SECRET} bytes, so it is no secret")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise InputError(f"{variable}: {path} is not a text in UTF-8") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or "\0" in text:
        raise InputError(f"{variable}: {path} {'holds a NUL' if text else 'is empty'}")
    return text


def _read(variable: str, path: str, size: int) -> bytes:
    try:
        with open(path, "rb", opener=_at_once) as file:
            if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
                _wait_for_writer(file.fileno())
            os.set_blocking(file.fileno(), True)
            return file.read(size)
    except TimeoutError:
        raise InputError(
            f"{variable}: {path} is a pipe, and nobody has written to it within {_PIPE_WAIT_S:g} s"
        ) from None
    except OSError as error:
        raise InputError(f"{variable}: {path} cannot be read: {error.strerror}") from None


def _at_once(path: str, flags: int) -> int:
    """Open a file; that of a named pipe would otherwise wait for somebody who writes to it, for ever."""
    return os.open(path, flags | os.O_NONBLOCK)


def _wait_for_writer(pipe: int) -> None:
    """Return when something is to be read, or the writer has gone; raises TimeoutError."""
    ready = select.poll()
    ready.register(pipe, select.POLLIN)
    if not ready.poll(_PIPE_WAIT_S * 1000):
        raise TimeoutError


def check_aws(variables: Mapping[str, str] = os.environ) -> None:
    """Raise an InputError that names a variable whose file AWS's libraries would pass over, without a word."""
    if path := variables.get(_AWS_FILE):
        _read(_AWS_FILE, os.path.expanduser(os.path.expandvars(path)), 0)
    for name in _AWS_SECRETS:
        if variables.get(name + FILE) and not variables.get(name):
            raise InputError(
                f"{name}{FILE} is read by nobody: write a credentials file of AWS, and name it in {_AWS_FILE}"
            )


def check_names(variables: Mapping[str, str] = os.environ) -> None:
    """Raise an InputError that names a variable that is mistyped: its default would hold, without a word.

    Others that are not ours are left alone, also one that begins with the name of a variable which is set (``…_OLD``).
    """
    for name in variables:
        if name.startswith(_PREFIX) and name not in _KNOWN and (meant := _meant(name, variables)):
            raise InputError(f"{name} is no setting; did you mean {meant}?")


def _meant(name: str, variables: Mapping[str, str]) -> str | None:
    """The variable that a mistyped one stands for; None if there is none, or if it is a note beside that one."""
    plain = name.removesuffix(FILE)  # what is no secret is not read from a file
    near = [plain] if plain in VARIABLES else get_close_matches(name, _KNOWN, 1, _NEAR)
    for meant in near:
        plain = meant.removesuffix(FILE)
        beside = any(variables.get(other) for other in {plain, plain + FILE} - {name})
        if not (beside and name.startswith(plain)):
            return meant
    return None


def parse_namespace(text: str) -> str:
    """The value of RETOUCH_NAMESPACE, or its default; raises InputError."""
    try:
        return check_namespace(text or DEFAULT_NAMESPACE)
    except InputError as error:
        raise InputError(f"RETOUCH_NAMESPACE: {error}") from None


def parse_bucket(text: str, what: str = "RETOUCH_BUCKET") -> str:
    """The value of RETOUCH_BUCKET, or of ``what`` stands for it; empty if there is none. Raises InputError."""
    return check_bucket(text, what) if text else ""


def parse_private_hosts(text: str) -> PrivateHosts:
    """The value of RETOUCH_PRIVATE_HOSTS; raises InputError."""
    try:
        return PrivateHosts.parse(text)
    except InputError as error:
        raise InputError(f"RETOUCH_PRIVATE_HOSTS: {error}") from None
