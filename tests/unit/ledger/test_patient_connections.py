"""Which answers of Redis are about the server, and are waited for as if it were away."""

from __future__ import annotations

import re
from typing import Any

import pytest
import redis
from redis import exceptions

from retouch.errors import LedgerAwayError, LedgerError, LedgerRefusedError
from retouch.ledger import Address, Ledger
from retouch.ledger.patient_connections import CLUSTER, refusal
from retouch.ledger.scripts import _GUARD
from tests.harness.redis_that_refuses import RedisThatRefuses
from tests.harness.waiting import LIMIT_S, until
from workers.stack.child import ROOT
from workers.stack.ports import LOOPBACK

REDIS_PY = int(redis.__version__.partition(".")[0])
SERVER = (
    "NOREPLICAS Not enough good replicas to write.",
    "MISCONF Errors writing to the AOF file: No space left on device",
    "NOPERM User default has no permissions to run the 'evalsha' command",
    "READONLY You can't write against a read only replica.",
    "DENIED Redis is running in protected mode because protected mode is enabled",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "CLUSTERDOWN The cluster is down",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "REDIRECT 10.0.0.7:6379",
    "WHATEVER a later server says of itself",
)
HELLO = (
    "HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option"
)
IN_SCRIPTS = {
    "READONLY You can't write against a read only replica. script: 2c8a, on @user_script:4.": "READONLY",
    "ERR Error running script (call to f_2c8a): @user_script:4: -MISCONF Errors writing to disk": "MISCONF",
    "ERR Error running script (call to f_2c8a): @user_script: 4: -OOM command not allowed": "OOM",
    "ERR ACL failure in script: User w has no permissions to run the 'time' command script: 2c8a": "NOPERM",
    "ERR The user executing the script can't run this command or subcommand script: 2c8a, on @user_script:8.": "NOPERM",
    "EXECABORT Transaction discarded because of: MISCONF Errors writing to the AOF file": "MISCONF",
    "ERR max number of clients + cluster connections reached": "MAXCLIENTS",
    "ERR Error running script: @user_script:8: Script killed by user with SCRIPT KILL.": "KILLED",
}
OURS = (
    "ERR unknown command 'EVALSHA', with args beginning with: 'x'",
    "ERR user_script:4: Script attempted to access nonexistent global variable 'x' script: 2c8a, on @user_script:4.",
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "CROSSSLOT Keys in request don't hash to the same slot",
    "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
    pytest.param(
        "ERR LOUD words of a server about a command",
        marks=pytest.mark.skipif(REDIS_PY < 8, reason="redis-py before 8 keeps no code of it, and it is waited for"),
    ),
    "something without a code",
)


def ask(url: str, timeout_s: float = LIMIT_S) -> Any:
    """Read one key, as the ledger does."""
    return Ledger.from_url(url, timeout_s=timeout_s).connection.read("GET", "k")


@pytest.mark.parametrize("words", SERVER)
def test_an_answer_about_the_server_is_waited_for(words: str) -> None:
    """Its words are kept, with the code, which says most; what can be done follows, where that is known."""
    with RedisThatRefuses(words) as server, pytest.raises(LedgerRefusedError) as told:
        ask(server.url)
    assert str(told.value) == "; ".join(filter(None, [words.rstrip("."), told.value.remedy]))


def test_what_our_own_moves_refuse_is_about_the_command() -> None:
    """Each code that one of them answers with: else a mistake of ours is told as a Redis that cannot be used."""
    texts = [path.read_text() for path in (ROOT / "retouch" / "ledger").rglob("*.lua")]
    codes = {code for text in [*texts, _GUARD] for code in re.findall(r"error_reply\('([A-Z]+) ", text)}
    assert len(codes) >= 5
    assert {code: refusal(exceptions.ResponseError(f"{code} why")) for code in codes} == dict.fromkeys(codes)


@pytest.mark.parametrize("words", IN_SCRIPTS)
def test_what_a_script_met_is_about_the_server_too(words: str) -> None:
    """Redis before 7 puts another code before it."""
    with RedisThatRefuses(words) as server, pytest.raises(LedgerRefusedError, match=IN_SCRIPTS[words]):
        ask(server.url)


@pytest.mark.parametrize("words", OURS)
def test_an_answer_about_the_command_is_an_error_of_ours(words: str) -> None:
    """To wait would hide it."""
    with RedisThatRefuses(words) as server, pytest.raises(LedgerError) as told:
        ask(server.url)
    assert type(told.value) is LedgerError


def test_a_cluster_is_refused_in_one_sentence() -> None:
    """Wherever it sends us."""
    with RedisThatRefuses("MOVED 3999 10.0.0.7:6381") as server, pytest.raises(LedgerRefusedError) as told:
        ask(server.url)
    assert str(told.value) == CLUSTER


@pytest.mark.skipif(REDIS_PY < 8, reason="redis-py before 8 does not read it, and says that the connection is lost")
def test_a_server_that_refuses_the_connection_is_waited_for() -> None:
    """Protected mode says so before it is asked anything."""
    with RedisThatRefuses(SERVER[4], greets=True) as server, pytest.raises(LedgerRefusedError, match="DENIED"):
        ask(server.url)


def test_what_redis_py_asks_for_beyond_need_may_be_refused() -> None:
    """A user who may not name its client can work all the same."""
    no = "NOPERM User worker has no permissions to run the 'client|setinfo' command"
    with RedisThatRefuses(no, refused=(b"CLIENT",), only=True) as server:
        assert ask(server.url) == "OK"


def test_a_wrong_password_says_what_to_do() -> None:
    """It is no outage, but may be mended while a worker waits."""
    with (
        RedisThatRefuses("WRONGPASS invalid username-password pair", refused=(b"HELLO", b"AUTH")) as server,
        pytest.raises(LedgerRefusedError) as told,
    ):
        ask(server.url.replace("//", "//:hush@"))
    assert told.value.remedy == "check the user and the password in its URL"
    assert "hush" not in str(told.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "OOM command not allowed when used memory > 'maxmemory'. script: on @user_script:27.",
            "OOM command not allowed when used memory > 'maxmemory'; raise its maxmemory; nothing is lost, and all goes"
            " on by itself",
        ),
        (
            "MISCONF Errors writing to the AOF file: No space left on device",
            "MISCONF Errors writing to the AOF file: No space left on device; give its disk room; nothing is lost, and"
            " all goes on by itself",
        ),
        (
            "READONLY You can't write against a read only replica.",
            "READONLY You can't write against a read only replica",
        ),
    ],
)
def test_a_full_redis_says_what_to_do(words: str, told: str) -> None:
    """In the same words wherever it is told: not where in our scripts it came to light."""
    with RedisThatRefuses(words) as server, pytest.raises(LedgerRefusedError) as refused:
        ask(server.url)
    assert str(refused.value) == told


@pytest.mark.parametrize("words", SERVER)
def test_kombu_sees_a_lost_connection(words: str) -> None:
    """Its consumer reconnects after one, and ends after an answer that it does not know."""
    with RedisThatRefuses(words) as server:
        client: Any = redis.Redis.from_pool(Address.parse(server.url).pool(socket_timeout=LIMIT_S))
        with pytest.raises(exceptions.ConnectionError):
            client.get("k")
        with pytest.raises(exceptions.ConnectionError):
            client.pipeline().get("k").execute()


def test_a_server_that_is_silent_is_given_up_in_time() -> None:
    """Once, not four times: whoever waits asks again."""
    with RedisThatRefuses("") as server:
        with pytest.raises(LedgerAwayError):
            ask(server.url, timeout_s=1)
        until(lambda: server.connections, "it has counted them")
    assert server.connections == 1


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "refused"])
def test_sentinels_that_are_away_are_asked_once_each(silent: bool) -> None:
    """The command gives up after one round, in a sentence that names the service."""
    with RedisThatRefuses("") as server:
        host = server.url.partition("//")[2].partition("/")[0] if silent else f"{LOOPBACK}:1"
        with pytest.raises(LedgerAwayError, match=r"^no Sentinel that answers knows a master of 'mine'$"):
            ask(f"sentinel://{host},{host}/0?service=mine")
        until(lambda: server.connections >= (2 if silent else 0), "it has counted them")
    assert server.connections == (2 if silent else 0)


@pytest.mark.parametrize("words", ["NOAUTH Authentication required.", f"NOAUTH {HELLO}"])
def test_a_password_that_is_missing_is_asked_for(words: str) -> None:
    """In these words, whichever command was refused first."""
    with (
        RedisThatRefuses(words, refused=(b"HELLO",)) as server,
        pytest.raises(LedgerRefusedError, match=r"^it asks for a password; write it in its URL$") as told,
    ):
        ask(server.url)
    assert told.value.remedy == "write it in its URL"
