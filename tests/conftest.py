"""Real servers for the tests that want them, started once and only when first asked for."""

from __future__ import annotations

import gc
import os
import secrets
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import fakeredis
import pytest
import redis
import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis.internal.conjecture import providers

from tests.harness import once
from tests.harness.leaks import leaks
from tests.harness.quick_disk import quick_folder
from tests.harness.redis_client import connect
from workers.stack.s3 import S3
from workers.stack.valkey import Valkey

# Random tests are the same at every run, and a failure ends them at once instead of after minutes of shrinking. With
# the constants that Hypothesis takes from all that tests before have imported, they would not be the same.
# --hypothesis-profile=explore looks further, prints its seed (--hypothesis-seed gives it back), and shrinks.
settings.register_profile(
    "suite",
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore", max_examples=1000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")
if none := getattr(providers, "Constants", None):  # since 6.131
    providers._get_local_constants = none
once.begin()

# By default rich paints each traceback that is logged, with all that its variables hold, which takes a second.
_plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure([*structlog.get_config()["processors"][:-1], _plain])


LEFT_OPEN: list[str] = []


def pytest_warning_recorded(warning_message: warnings.WarningMessage, nodeid: str) -> None:
    """Remember which test left a socket or a server open (pyproject.toml says why that is no error at once)."""
    if issubclass(warning_message.category, ResourceWarning):
        LEFT_OPEN.append(nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Have no garbage collector while tests are imported: it finds nothing, in a tenth of that time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Let the garbage collector look at what tests make alone, and more seldom: it took a third of their CPU time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Find what a file left open at its end, or as the next begins, instead of anywhere later."""
    yield
    if nextitem is None or nextitem.path != item.path:
        once.end_test()
        gc.collect()
        gc.freeze()  # what is left now stays as well: looked at after each file, it would cost more with each


def pytest_runtest_logfinish() -> None:
    """Give back the memory of a test's fake servers."""
    once.end_test()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which something was left open; the summary of warnings names what, and where."""
    if LEFT_OPEN:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests run on another server than the embedded one, and those of orchestrators at all."""
    parser.addoption("--redis-server", type=Path, metavar="FILE", help="the redis-server to run on, by its path")
    parser.addoption("--orchestrators", action="store_true", help="run the tests that install Airflow and its like")


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> None:
    """Forget the person's own AWS profile and Retouch settings: no test may reach what they lead to."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "RETOUCH_"))]:
        del os.environ[name]


@pytest.fixture(autouse=True, scope="session")
def _signals_are_not_ignored() -> None:
    """Let what the tests start begin with default signals: a run in the background inherits SIGINT as ignored."""
    defaults: dict[signal.Signals, Callable[[int, FrameType | None], None] | signal.Handlers] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    for number, default in defaults.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, default)


@pytest.fixture(autouse=True, scope="session")
def _no_secret_in_any_log(_no_settings_from_outside: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Search all logs of the run for the secrets of its servers, once these have ended."""
    yield
    assert leaks(tmp_path_factory.getbasetemp()) == []


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Valkey]:
    """One real Valkey server for all tests; use ``redis_url`` or ``redis_client`` to find it empty."""
    kept = tmp_path_factory.mktemp("valkey")
    with quick_folder(kept) as folder:
        server = Valkey(folder, kept / "valkey.log", program=pytestconfig.getoption("--redis-server"))
        (kept / "password").write_text((folder / "password").read_text())  # which no log may hold
        server.start()
        yield server
        server.stop()


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """The URL of a real and empty Redis."""
    if not valkey.child.running:  # a test that killed it need not mend it
        valkey.start()
    with connect(valkey.url, decode_responses=False) as client:
        client.flushall()
    return valkey.url


@pytest.fixture(params=["fake", "real"])
def redis_client(request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """An empty Redis that decodes its answers: once fakeredis, once a real server."""
    if request.param == "fake":
        yield fakeredis.FakeRedis(decode_responses=True)
        return
    with connect(request.getfixturevalue("redis_url")) as client:
        yield client


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """One real S3 server for all tests: ``url``, ``bucket``, ``environment``, ``client()``."""
    server = S3(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.kill()  # a second quicker than stop(), and nobody needs its objects again


@pytest.fixture
def s3_prefix() -> str:
    """A key prefix that no other test uses."""
    return f"test-{secrets.token_hex(6)}/"
