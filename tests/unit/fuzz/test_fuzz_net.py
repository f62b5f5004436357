"""URLs, hosts and keys made up to slip through: judged as what would call them reads them."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.store import MemoryStore
from yarl import URL

from config.logging import Redactor
from retouch.errors import BrokenResultError, InputError
from retouch.media.fetch import Fetcher
from retouch.media.store import Store, _Clients
from retouch.net.addresses import PrivateHosts, check_host, check_url, is_public
from retouch.net.http import retry_after_s
from retouch.net.redaction import spellings, without_queries
from retouch.provider.client import MAX_BODY_BYTES, MAX_TEXT, Img2ImgApi
from retouch.provider.error_text import plain

pytestmark = pytest.mark.no_cover  # the same lines thousands of times over

fuzz = settings(max_examples=300)

NONE = PrivateHosts()
API = Img2ImgApi("https://api.example", "key-of-the-api")
LABELS = st.sampled_from(
    [
        *(
            "127",
            "0",
            "1",
            "0177",
            "0x7f",
            "0x",
            "0x7f000001",
            "2130706433",
            "255",
            "256",
            "08",
            "10",
            "169",
            "254",
            "",
        ),
        *("example", "com", "localhost", "internal", "xn--a", "a_b", "-", "1" * 30, "\u0661", "\uff11", "\u00df"),
    ]
)
DOTS = st.sampled_from([".", "\u3002", "\uff0e", "%2e", ".."])
HOSTS = st.one_of(
    st.lists(LABELS, min_size=1, max_size=5).flatmap(lambda parts: DOTS.map(lambda dot: dot.join(parts))),
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda ip: f"[{ip}]"),
    st.ip_addresses(v=4).map(lambda ip: f"[::ffff:{ip}]"),
    st.text(max_size=12),
)
URLS = st.builds(
    lambda scheme, user, host, port, rest: f"{scheme}{user}{host}{port}{rest}",
    st.sampled_from(["http://", "https://", "HTTP://", "http:", "http:///", "http:\\\\", "//", "file://", ""]),
    st.sampled_from(["", "", "", "a@", "a:b@", "@", "example.com\\@", "example.com#@", "example.com%00@"]),
    HOSTS,
    st.sampled_from(["", "", ":80", ":0", ":99999", ":", ":8 0"]),
    st.sampled_from(["", "/", "/a.png?x=1", "/\r\nHost: x", "/\t", "/%2e%2e/a", "?@127.0.0.1/", "#@127.0.0.1/"])
    | st.text(max_size=5),
)


def where_the_system_goes(host: str) -> set[str]:
    """The addresses that the C library reads out of a host without asking anybody."""
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host.strip("[]"), 80, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return {str(entry[4][0]) for entry in found}
    return set()


@fuzz
@given(HOSTS)
def test_no_host_leads_to_a_private_address(host: str) -> None:
    """What passes is a name, or an address that the C library reads as a public one."""
    try:
        check_host(host.strip("[]"), 80, NONE)
    except InputError:
        return
    assert all(is_public(address) for address in where_the_system_goes(host))


@fuzz
@given(HOSTS)
def test_what_aiohttp_takes_for_an_address_is_one(host: str) -> None:
    """All digits and dots, or a colon, is called without a resolver; so it must be an address in its usual form."""
    plain = host.strip("[]")
    try:
        check_host(plain, 80, NONE)
    except InputError:
        return
    if ":" in plain or plain.replace(".", "").isdigit():
        assert is_public(str(ipaddress.ip_address(plain.rstrip("."))))


@fuzz
@given(URLS)
def test_any_url_is_refused_or_called_where_it_was_judged(url: str) -> None:
    """A URL that passes has, as aiohttp reads it, http or https, no user, and a host that is allowed."""
    fetcher = Fetcher(NONE)
    try:
        target = fetcher._checked(url)
    except BrokenResultError:
        return
    assert isinstance(target, URL)
    assert target.scheme in ("http", "https")
    assert target.user is None
    assert target.password is None
    assert all(is_public(address) for address in where_the_system_goes(target.raw_host or ""))


@fuzz
@given(URLS, URLS)
def test_any_redirect_is_refused_or_leads_to_a_public_place(start: str, location: str) -> None:
    """Whatever a Location holds, relative or not, the place it leads to is judged like any other."""
    fetcher = Fetcher(NONE)
    with suppress(BrokenResultError):
        target = fetcher._redirected(URL("https://example.com/a"), location)
        assert target.scheme == "https"
        check_url(str(target), NONE)


@fuzz
@given(
    st.text(max_size=40)
    | st.from_regex(r"(Wed, )?[0-9]{1,30} Oct [0-9]{1,25} 07:28:00 [+-]?[0-9]{0,30}", fullmatch=True)
)
def test_any_retry_after_is_seconds_within_the_hour(value: str) -> None:
    """Whatever the header says, it is None or 0 to 3600."""
    seconds = retry_after_s(value)
    assert seconds is None or 0 <= seconds <= 3600


@pytest.fixture(scope="module")
def store() -> Store:
    """A store whose objects lie in memory."""
    one = Store("bucket")
    one._clients = _Clients(MemoryStore(), None, None)  # type: ignore[arg-type]
    return one


PARTS = st.text(st.sampled_from("a./\\%2eE~ \x00\n\x7f*?#{}^\u00e4\u3002"), max_size=6) | st.sampled_from(
    ["..", ".", ""]
)


@fuzz
@given(st.lists(PARTS, max_size=4).map("/".join))
def test_a_key_is_refused_or_kept_letter_for_letter(store: Store, key: str) -> None:
    """No key is written under another name, and none climbs out of its folder."""
    memory = store._clients.bytes  # type: ignore[union-attr]
    try:
        asyncio.run(store.put(f"edits/{key}", b"", "image/png"))
    except InputError:
        return
    names = [str(item["path"]) for page in memory.list() for item in page]
    memory.delete(names)
    assert names == [f"edits/{key}"]
    assert ".." not in key.split("/")


SECRETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=30)


@fuzz
@given(SECRETS, st.text(), st.text())
def test_no_spelling_of_a_secret_passes_the_log(secret: str, before: str, after: str) -> None:
    """Plain, quoted, escaped, in a name, a set or bytes: none of a secret's spellings is left."""
    redactor = Redactor([secret])
    for form in spellings(secret):
        text = f"{before}{form}{after}"
        event = {"event": text, text: [{text}], "bytes": form.encode(), "deep": {form: (ValueError(text), {1: text})}}
        shown = str(redactor(None, "info", event))
        assert form not in shown or form in "***"


@pytest.mark.timeout(60)  # not hours: the work grows as the text does
@pytest.mark.parametrize(
    "piece", ["http://", "<", "<script ", "<title", "://", "a", "https://a?", "<!--", "\ud800", "&", "{", "@", "://@"]
)
def test_a_hostile_text_is_cleaned_in_one_pass(piece: str) -> None:
    """A megabyte made to be read again and again, which took hours of the event loop, is read once."""
    text = piece * (MAX_BODY_BYTES // len(piece)) + " ://"
    shown = [without_queries(text), Redactor(["secret"]).clean_text(text), plain(text), API._clean(text)]
    assert all("?" not in shown[one] for one in (0, 1, 3))
    assert len(shown[3]) <= MAX_TEXT
