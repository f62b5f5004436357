"""A browser for all tests of a process, and pages that fail a test when something is wrong that nobody looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import fakeredis
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request, expect, sync_playwright

from config.gateway import GatewaySettings
from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import Ledger
from tests.harness.browser import NEEDED, launch, program
from tests.harness.staying import workers_stay
from tests.harness.waiting import LIMIT_S
from tests.unit.workers.gateway.conftest import serving
from workers.gateway.context import Gateway

LIMIT_MS = 1000 * LIMIT_S
SOON = r"(?:just now|\d+ s ago)"  # of what has happened in a test, however long that takes
SCREEN = {"width": 1280, "height": 900}

Look = Callable[..., Page]

expect.set_options(timeout=LIMIT_MS)


@pytest.fixture(scope="package", autouse=True)
def _workers_stay() -> Iterator[None]:
    with workers_stay():
        yield


@pytest.fixture(scope="package")  # its loop runs in this thread, and no test of another folder could start one
def playwright() -> Iterator[Playwright]:
    """What drives the browser."""
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One browser, started once."""
    path = program()
    if path is None:
        pytest.skip(NEEDED)
    found = launch(playwright, path)
    yield found
    found.close()


@pytest.fixture(scope="package")
def served() -> Iterator[tuple[Gateway, str]]:
    """One gateway on a fake Redis, which really listens."""
    redis = fakeredis.FakeRedis(decode_responses=True)
    gateway = Gateway(GatewaySettings(bucket="bucket", prefix="edits/"), Ledger(redis))
    with serving(gateway) as url:
        yield gateway, url


@pytest.fixture
def gateway(served: tuple[Gateway, str]) -> Gateway:
    """What the page stands on; its ledger is empty, and nothing of the test before is watched any more."""
    served[0].watches._watches = {}
    served[0].ledger.connection._client.flushall()
    return served[0]


@pytest.fixture
def ledger(gateway: Gateway) -> Ledger:
    """The ledger of the gateway."""
    return gateway.ledger


@pytest.fixture
def url(served: tuple[Gateway, str]) -> str:
    """Where the gateway is."""
    return served[1]


@pytest.fixture
def token(ledger: Ledger) -> str:
    """A key that may look and decide."""
    return AccessKeys(ledger, "here").create("ada", [Scope.READ, Scope.OPERATE], rate="100000/m")


@pytest.fixture
def stores() -> frozenset[str]:
    """Hosts from which the page may show pictures: none, but where a test has some."""
    return frozenset()


@pytest.fixture
def look(browser: Browser, url: str, gateway: Gateway, token: str, stores: frozenset[str]) -> Iterator[Look]:
    """Open the page: ``look("#/batches")``, in a browser that is signed in (unless ``signed_in=False``).

    Whatever a page says of an error, of a rule of its policy that it has broken, or asks of another host, fails the
    test. ``scheme``: ``light`` or ``dark``. ``touch``: it is a telephone, without a keyboard or a mouse. ``zoom``: how
    often all is enlarged, so that less of it has room.
    """
    wrong: list[str] = []

    def said(message: ConsoleMessage) -> None:
        refused = message.text.startswith("Failed to load resource")  # what the page makes of it is looked at
        if message.type in ("error", "warning") and not refused:
            wrong.append(message.text)

    def asked(request: Request) -> None:
        if request.url.startswith("http") and urlsplit(request.url).netloc not in (urlsplit(url).netloc, *stores):
            wrong.append(f"asks {request.url}")

    def make(
        path: str = "",
        *,
        signed_in: bool = True,
        scheme: str = "light",
        width: int = SCREEN["width"],
        touch: bool = False,
        zoom: int = 1,
    ) -> Page:
        context = browser.new_context(
            color_scheme="dark" if scheme == "dark" else "light",
            viewport={"width": width // zoom, "height": SCREEN["height"] // zoom},
            device_scale_factor=zoom,
            has_touch=touch,
            is_mobile=touch,
            reduced_motion="reduce",
        )
        contexts.callback(context.close)
        context.set_default_timeout(LIMIT_MS)
        page = context.new_page()
        page.on("console", said)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", asked)
        if signed_in and (session := gateway.visits.begin(token)):
            context.add_cookies([{"name": f"retouch-{urlsplit(url).port}", "value": session, "url": url}])
        page.goto(f"{url}/{path}")
        return page

    with ExitStack() as contexts:
        yield make
    assert wrong == []
