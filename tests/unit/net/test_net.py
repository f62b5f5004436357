"""Which addresses may be called, in every notation that a resolver or a browser takes; how URLs are shown."""

from __future__ import annotations

import contextlib
import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.errors import InputError
from retouch.net.addresses import PrivateHosts, check_url, is_public, literal_address
from retouch.net.redaction import presentable, spellings, without_queries, without_query

NONE = PrivateHosts()

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",  # Alibaba's metadata service
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",  # Azure's platform service
    "169.254.169.254",  # AWS's, Google's and Azure's metadata service
    "172.16.0.1",
    "192.0.0.192",  # Oracle's metadata service
    "192.168.1.1",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.5",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",  # 127.0.0.1 in the old compatible form
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",  # 127.0.0.1 behind NAT64
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001:0:7f00:1::",  # Teredo
    "2001:db8::1",
    "2002:7f00:1::",  # 127.0.0.1 as 6to4
    "fc00::1",
    "fd00:ec2::254",  # AWS's metadata service
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",  # site local
    "ff02::1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_public(address: str) -> None:
    """Loopback, local, metadata, reserved, multicast; also wrapped in IPv6."""
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address: str) -> None:
    """Ordinary hosts of the internet stay reachable."""
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "0x7f.1",
        "0x7F000001",
        "2130706433",
        "017700000001",
        "0177.0.0.1",
        "0",
        "[::1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:0:0:1]",
        "１２７.0.0.1",  # noqa: RUF001 - full-width digits
        "127。0。0。1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "redis.internal",
        "printer.local",
        "x.localhost",
        "169.254.169.254",
    ],
)
def test_a_private_host_is_refused_however_it_is_written(host: str) -> None:
    """Every notation of a private address, and the names that are private by definition."""
    with pytest.raises(InputError, match="not a public address"):
        check_url(f"https://{host}/a.png", NONE)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/a.png",
        "ftp://example.com/a",
        "file:///etc/passwd",
        "gopher://example.com",
        "http://",
        "http:///a",
        "http://user@example.com/",
        "http://user:pass@example.com/",
        "http://example.com\\@127.0.0.1/",
        "http://exa mple.com/",
        "http://example.com/a\r\nHost: x",
        "http://example.com/\x00",
        "http://127%2e0.0.1/",
        "http://a\\b/",
        "http://example.com:99999/",
        "http://[::1/",
        "http://./",
    ],
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    """Other schemes, credentials, white space, escapes and broken hosts never reach a client library."""
    with pytest.raises(InputError):
        check_url(url, NONE)


@pytest.mark.parametrize("host", ["08.0.0.1", "1.2.3.4.5", "256.1.1.1", "example.0x", "a.1", "1.2.3.4.5."])
def test_what_ends_in_a_number_is_an_address_or_nothing(host: str) -> None:
    """Digits that are no address would be called without our resolver, so they are not called at all."""
    with pytest.raises(InputError, match="is not a host name"):
        check_url(f"https://{host}/", NONE)


@pytest.mark.parametrize("host", ["134744072", "010.8.8.8", "8.8.2056", "0x8.8.8.8"])
def test_a_public_address_is_taken_in_its_usual_form_alone(host: str) -> None:
    """Where two libraries may read two addresses, neither is called."""
    with pytest.raises(InputError, match="unusual notation"):
        check_url(f"https://{host}/", NONE)


def test_a_host_of_a_megabyte_is_refused_before_it_is_remembered() -> None:
    """Judgements are cached by host, so hosts are short."""
    with pytest.raises(InputError, match="1000000 characters"):
        check_url(f"https://{'a' * 1_000_000}/", NONE)


@pytest.mark.parametrize(
    "url", ["https://example.com/a.png?x=1#y", "http://example.com:8080", "https://8.8.8.8/", "https://bücher.example/"]
)
def test_public_urls_pass(url: str) -> None:
    """Ordinary links are let through without being looked up."""
    check_url(url, NONE)


def test_allowed_hosts_pass_and_no_others() -> None:
    """``host:port`` opens that port alone, ``host`` every port, and neither opens a neighbour."""
    hosts = PrivateHosts.parse(" 127.0.0.1:9000, MinIO ,[::1]:80,::2 ")
    for url in ["http://127.0.0.1:9000/b", "http://minio:1/", "http://minio/", "http://[::1]/", "http://[::2]:5/"]:
        check_url(url, hosts)
    for url in ["http://127.0.0.1/", "http://127.0.0.1:9001/", "http://[::1]:81/", "http://127.1:9000/"]:
        with pytest.raises(InputError):
            check_url(url, hosts)


@pytest.mark.parametrize(
    "entry", ["http://x", "x/24", "a@b", ":80", "x:", "x:y", "x:0", "x:70000", "a b", "10.0.0.0/8"]
)
def test_a_bad_entry_is_named(entry: str) -> None:
    """A mistyped RETOUCH_PRIVATE_HOSTS is an error with the entry in it, not a silent hole."""
    with pytest.raises(InputError) as caught:
        PrivateHosts.parse(f"good.example,{entry}")
    assert entry in str(caught.value)


@given(st.integers(0, 2**32 - 1), st.integers(0, 3), st.booleans())
def test_addresses_are_read_as_the_c_library_reads_them(number: int, joined: int, hexadecimal: bool) -> None:
    """``inet_aton``'s shortened and hexadecimal forms mean the same to us as to the resolver."""
    octets = list(number.to_bytes(4))
    last = int.from_bytes(octets[3 - joined :])
    parts = [*octets[: 3 - joined], last]
    host = ".".join(hex(part) if hexadecimal else str(part) for part in parts)
    assert literal_address(host) == socket.inet_ntoa(socket.inet_aton(host))


@given(st.text(max_size=30))
def test_any_host_is_judged_without_a_crash(host: str) -> None:
    """Whatever is written as a host, the answer is yes or InputError."""
    with contextlib.suppress(InputError):
        check_url(f"http://{host}/", NONE)


@given(st.ip_addresses())
def test_every_address_is_judged(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Whatever is public to us is global to the standard library too."""
    assert not is_public(str(address)) or address.is_global or getattr(address, "is_reserved", False)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/p/a.png?X-Amz-Signature=s#f", "https://h/p/a.png"),
        ("https://user:pass@h/p", "https://h/p"),
        ("https://h#frag", "https://h"),
        ("user:pass@h", "h"),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    """User, query and fragment never reach a log line."""
    assert without_query(url) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rediss://h:6379/0?password=s failed", "rediss://h:6379/0 failed"),
        ("http://a/http://b?s", "http://a/http://b"),
        ("http://a?s#http://b?t u", "http://a u"),
        ("see http://a, http://b", "see http://a, http://b"),
    ],
)
def test_queries_are_taken_out_of_every_link_of_a_text(text: str, shown: str) -> None:
    """Of any scheme, and of links within links."""
    assert without_queries(text) == shown


def test_a_secret_is_known_in_every_spelling() -> None:
    """As JSON, HTML, URLs and Python write it; the longer forms first, which may hold the shorter ones."""
    forms = spellings('a/b"c')
    assert {'a/b"c', "a%2Fb%22c", "a%2fb%22c", 'a/b\\"c', 'a\\/b\\"c', "a/b&quot;c"} <= set(forms)
    assert [len(form) for form in forms] == sorted(map(len, forms), reverse=True)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("www.e.com/a?token=S has no scheme; write https://www.e.com/a", "www.e.com/a has no scheme"),
        ("https:/e.com/a?k=1?sig=S, twice e.com/a?sig=S", "https:/e.com/a twice e.com/a"),
        ("s3://b/a/../c?token=S is no key", "s3://b/a/../c is no key"),
        ("['https://u:S@e.com/a?token=S'] is a list", "['https://e.com/a'] is a list"),
        ("https:u:S@e.com/a", "e.com/a"),
        ("did you mean seed? Write seed=1..4", "did you mean seed? Write seed=1..4"),
        ("write https://e.com/s/cat.png?raw=1.", "write https://e.com/s/cat.png?raw=1."),
        ("photos/what?.png: no such file", "photos/what?.png: no such file"),
    ],
)
def test_what_people_read_lets_nobody_in(said: str, shown: str) -> None:
    """Of addresses of any kind, also of those that are none; other words stay."""
    assert presentable(said).startswith(shown)
    assert "S" not in presentable(said).replace("Seed", "")
