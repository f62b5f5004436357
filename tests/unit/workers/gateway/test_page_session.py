"""Sessions of the page: who gets one, what it opens, from where, and how it ends."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
import structlog
from fastapi.routing import APIRoute

from retouch import Edit
from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import Ledger
from retouch.queue import EditQueue
from tests.harness.waiting import LIMIT_S
from tests.unit.workers.gateway.conformance import document
from tests.unit.workers.gateway.conftest import Caller, Client, problem, serving
from workers.gateway.app import create
from workers.gateway.context import Gateway
from workers.gateway.cookie import SAFE
from workers.gateway.visits import OwnVisits

PARAMETER = re.compile(r"\{[^}]*\}")
PAGE = {"Sec-Fetch-Site": "same-origin"}  # what a browser sends with requests of the page itself


def sign_in(caller: Caller, secret: str, by: str = "key", **headers: str) -> requests.Response:
    """Sign in as the page does."""
    body = {"by": by, "secret": secret}
    return caller.post("/page/session", json=body, headers={**PAGE, **headers})


@pytest.fixture
def token(keys: AccessKeys) -> str:
    """A key that may read."""
    return keys.create("ada", [Scope.READ], prefix="a-")


def test_a_key_begins_a_session_that_reads_what_the_key_may(anyone: Caller, token: str) -> None:
    """The cookie is for no script, and for no request from elsewhere."""
    told = sign_in(anyone, f" {token}\n")
    assert told.json() == {"key": "ada", "scopes": ["read"], "prefix": "a-"}
    cookie = told.headers["set-cookie"]
    assert cookie.startswith(f"retouch-{anyone.url.rpartition(':')[2]}=")
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=604800"} <= set(cookie.split("; "))
    assert token not in cookie
    assert anyone.get("/page/session").json()["key"] == "ada"
    assert anyone.get("/v1/batches", headers=PAGE).json() == {"batches": [], "next": None}
    refused = anyone.post("/v1/batches/a-1/pause", headers=PAGE)
    assert (refused.status_code, problem(refused)["type"]) == (403, "urn:retouch:problem:not-allowed")


def test_what_a_page_reads_has_a_time_before_it_was_read(
    anyone: Caller, token: str, ledger: Ledger, queue: EditQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Redis' clock, to be held against that of what the page hears; also where nothing has changed."""
    queue.enqueue([Edit(custom_id="e", prompt="a cat", init_image="https://example.com/a.png")], batch="a-1")
    sign_in(anyone, token)
    times = iter(range(1_000, 9_000, 1_000))
    monkeypatch.setattr(ledger.connection, "now", lambda: next(times))
    first = anyone.get("/v1/batches/a-1/strip", headers=PAGE)
    same = anyone.get("/v1/batches/a-1/strip", headers={**PAGE, "If-None-Match": first.headers["etag"]})
    assert (first.headers["retouch-as-of"], first.status_code) == ("1970-01-01T00:00:01.000Z", 200)
    assert (same.headers["retouch-as-of"], same.status_code) == ("1970-01-01T00:00:02.000Z", 304)


@pytest.mark.parametrize("secret", ["", "rt_ada_" + "a" * 43, "x"])
@pytest.mark.parametrize("by", ["key", "link"])
def test_what_opens_nothing_begins_none(anyone: Caller, token: str, by: str, secret: str) -> None:
    """Nor does a key as a link."""
    refused = sign_in(anyone, token if by == "link" and not secret else secret, by)
    assert (refused.status_code, problem(refused)["type"]) == (401, "urn:retouch:problem:no-key")
    assert "set-cookie" not in refused.headers
    assert anyone.get("/page/session").json() is None


def changing(gateway: Gateway) -> list[tuple[str, str]]:
    """Every route that may change something: its method, and a path that it takes."""
    app: Any = create(gateway)
    routes = [route for route in app._app.routes if isinstance(route, APIRoute)]
    taken = [(method, one.path) for one in routes for method in one.methods or () if method not in SAFE]
    found = sorted({(method, PARAMETER.sub("b", path)) for method, path in taken})
    described = {(method.upper(), path) for path, methods in document()["paths"].items() for method in methods}
    assert {(method, PARAMETER.sub("b", path)) for method, path in described if method not in SAFE} <= set(found)
    assert {("DELETE", "/page/session"), ("POST", "/page/session"), ("POST", "/page/links")} <= set(found)
    return found


def stored(gateway: Gateway) -> dict[str, str]:
    """What Redis holds."""
    client = gateway.ledger.connection._client
    return {key: f"{client.type(key)} {client.dump(key)!r}" for key in sorted(client.keys("*"))}


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", None])
def test_nothing_is_done_for_another_site(anyone: Caller, gateway: Gateway, keys: AccessKeys, site: str | None) -> None:
    """A page at another port of this machine is the same site, and sends the cookie; who does not say is refused."""
    token = keys.create("ada", list(Scope))
    sign_in(anyone, token)
    headers = {"Sec-Fetch-Site": site} if site else {}
    before = stored(gateway)
    for method, path in changing(gateway):
        refused = anyone.request(method, path, headers=headers, json={"by": "key", "secret": token})
        assert (refused.status_code, "another site" in refused.text) == (403, True), path
        assert not [name for name in refused.headers if name.lower().startswith("access-control-")]
    assert stored(gateway) == before
    assert anyone.get("/v1/batches", headers=headers).status_code == (200 if site == "none" else 403)
    assert anyone.get("/page/session").json()["key"] == "ada"


def test_a_key_in_a_request_needs_no_word_of_a_browser(anyone: Caller, token: str) -> None:
    """Programs send a key, with which no browser can be tricked."""
    sign_in(anyone, token)
    assert anyone.get("/v1/batches", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_session_ends_with_its_key_and_by_signing_out(anyone: Caller, client: Client, keys: AccessKeys) -> None:
    """At once; a rotated key keeps it until the old secret is retired."""
    for end in ("revoke", "retire", "sign out"):
        token = keys.create("ada", [Scope.READ])
        sign_in(anyone, token)
        keys.rotate("ada")
        assert anyone.get("/v1/batches", headers=PAGE).status_code == 200
        kept = anyone.cookies.copy()
        if end == "sign out":
            assert anyone.delete("/page/session", headers=PAGE).status_code == 204
            assert len(anyone.cookies) == 0
            anyone.cookies.update(kept)  # somebody has copied it
        else:
            getattr(keys, end)("ada")
        refused = anyone.get("/v1/batches", headers=PAGE)
        assert (refused.status_code, "ended" in problem(refused)["detail"]) == (401, True), end
        if end != "revoke":
            keys.revoke("ada")


def test_a_link_signs_in_once_as_the_key_that_made_it(anyone: Caller, token: str) -> None:
    """And is no session by itself."""
    link = anyone.post("/page/links", headers={"Authorization": f"Bearer {token}"}).json()["link"]
    name = f"retouch-{anyone.url.rpartition(':')[2]}"
    assert anyone.get("/v1/batches", headers={**PAGE, "Cookie": f"{name}={link}"}).status_code == 401
    assert sign_in(anyone, link, "link").json()["key"] == "ada"
    assert sign_in(anyone, link, "link").status_code == 401
    assert anyone.get("/page/session").json()["key"] == "ada"


def test_a_session_makes_no_other(anyone: Caller, token: str) -> None:
    """Who has got hold of one has it for its seven days, and no longer."""
    sign_in(anyone, token)
    refused = anyone.post("/page/links", headers=PAGE)
    assert (refused.status_code, "would never end" in problem(refused)["detail"]) == (403, True)


def test_a_link_of_a_revoked_key_opens_nothing(client: Client, anyone: Caller, keys: AccessKeys) -> None:
    """Whoever was handed it before."""
    link = client(Scope.READ).post("/page/links").json()["link"]
    keys.revoke("caller")
    assert sign_in(anyone, link, "link").status_code == 401


def test_redis_keeps_no_secret_of_a_session(anyone: Caller, token: str, ledger: Ledger) -> None:
    """Who reads a copy of it opens nothing; what is there goes by itself."""
    session = sign_in(anyone, token).cookies.values()[0]
    client: Any = ledger.connection._client
    [key] = client.keys("*:visit:*")
    assert session not in key + client.get(key)
    assert 0 < client.pttl(key) <= 7 * 24 * 3600 * 1000


def test_cookies_of_other_programs_do_no_harm(anyone: Caller, token: str) -> None:
    """This machine's are the same for all ports, and some are odd."""
    session = sign_in(anyone, token).cookies.items()[0]
    anyone.cookies.clear()
    odd = 'a/b=1; "; c="x; =; d d=2; ' + "=".join(session)
    assert anyone.get("/page/session", headers={"Cookie": odd}).json()["key"] == "ada"
    assert anyone.get("/page/session", headers={"Cookie": "a/b=1"}).json() is None


def test_behind_tls_the_cookie_is_for_this_host_alone(anyone: Caller, token: str) -> None:
    """By its name no subdomain and no http:// can set it."""
    cookie = sign_in(anyone, token, Host="retouch.example.com").headers["set-cookie"]
    assert cookie.startswith("__Host-retouch=")
    assert "Secure" in cookie.split("; ")


def test_behind_a_proxy_that_names_this_machine_the_cookie_is_for_tls_too(anyone: Caller, token: str) -> None:
    """As nginx does by itself: where the browser is, it says itself."""
    elsewhere = {"Origin": "https://retouch.example.com"}
    cookie = sign_in(anyone, token, **elsewhere).headers["set-cookie"]
    assert cookie.startswith("__Host-retouch=")
    assert "Secure" in cookie.split("; ")
    anyone.cookies.clear()
    sent = {"Cookie": cookie.partition(";")[0]}
    assert anyone.get("/page/session", headers=sent).json()["key"] == "ada"
    ended = anyone.delete("/page/session", headers={**PAGE, **elsewhere, **sent})
    assert ended.headers["set-cookie"].startswith('__Host-retouch="";')
    assert ended.headers["clear-site-data"] == '"cache"'  # the next person at this browser sees no pictures
    assert anyone.get("/page/session", headers=sent).json() is None


def test_elsewhere_no_cookie_of_this_machine_counts(anyone: Caller, token: str) -> None:
    """Its name can be set by http://, and by subdomains."""
    name, session = sign_in(anyone, token).cookies.items()[0]
    anyone.cookies.clear()
    sent = {"Cookie": f"{name}={session}"}
    assert anyone.get("/page/session", headers=sent).json()["key"] == "ada"
    port = name.removeprefix("retouch-")
    assert anyone.get("/page/session", headers={**sent, "Host": f"retouch.example.com:{port}"}).json() is None


def test_a_session_counts_against_the_rate_of_its_key(anyone: Caller, keys: AccessKeys) -> None:
    """A page is no way around it."""
    sign_in(anyone, keys.create("ada", [Scope.READ], rate="2/h"))
    told = [anyone.get("/v1/batches", headers=PAGE).status_code for _ in range(3)]
    assert told == [200, 200, 429]


def test_signing_in_and_out_is_logged_without_secrets(anyone: Caller, token: str) -> None:
    """By the key's name."""
    with structlog.testing.capture_logs() as events:
        sign_in(anyone, token)
        anyone.delete("/page/session", headers=PAGE)
    assert [(one["event"], one["key"]) for one in events if one["event"].startswith("page.")] == [
        ("page.signed_in", "ada"),
        ("page.signed_out", "ada"),
    ]
    assert token not in str(events)


def test_a_page_that_runs_alone_takes_its_own_links_and_nothing_else(gateway: Gateway, token: str) -> None:
    """No key signs in; when a link is used, the next one is told; edits can be decided on, and none are taken."""
    links: list[str] = []
    visits = OwnVisits(links.append)
    links.append(visits.link())
    settings = gateway.settings.model_copy(update={"bucket": ""})
    with serving(Gateway(settings, gateway.ledger, own_visits=visits)) as url, Caller(url) as caller:
        assert sign_in(caller, token).status_code == 401
        assert sign_in(caller, links[0], "link").json()["scopes"] == ["operate", "read"]
        assert sign_in(caller, links[0], "link").status_code == 401
        assert caller.get("/v1/batches", headers=PAGE).status_code == 200
        taken = requests.post(f"{url}/v1/uploads", headers=PAGE, cookies=caller.cookies, timeout=LIMIT_S)
        assert taken.status_code == 404
        refused = caller.post("/v1/batches/b/links", headers=PAGE, json={"uris": []})
        assert (refused.status_code, "RETOUCH_BUCKET is not set" in problem(refused)["detail"]) == (503, True)
        kept = caller.cookies.copy()
        caller.delete("/page/session", headers=PAGE)
        caller.cookies.update(kept)
        assert caller.get("/v1/batches", headers=PAGE).status_code == 401
        assert sign_in(caller, links[1], "link").status_code == 200
        assert len(links) == 3
