"""The page's frame and files: open to all, and to nothing from elsewhere."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import pytest

from retouch.ledger.constants import MAX_SUSPECTS
from tests.unit.workers.gateway.conftest import Caller, problem
from workers.gateway import page
from workers.gateway.gate import FILES
from workers.gateway.page.frame import files, version

SOURCES = Path(page.__file__).parent / "files"


def test_the_frame_lets_nothing_in_but_its_own_files(anyone: Caller) -> None:
    """Each answer has another nonce, which each script and style has."""
    first, second = anyone.get("/"), anyone.get("/")
    nonces = []
    for answer in (first, second):
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
        [nonce] = set(re.findall(r'nonce="([^"]+)"', answer.text))
        nonces.append(nonce)
        assert policy == {
            "default-src": "'none'",
            "script-src": f"'nonce-{nonce}'",
            "style-src": f"'nonce-{nonce}'",
            "img-src": "'self' https://bucket.s3.amazonaws.com",
            "connect-src": "'self'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
            "require-trusted-types-for": "'script'",
            "trusted-types": "'none'",
        }
        assert not re.search(r"<script(?![^>]*nonce)|<style|\son\w+=|style=|https?:", answer.text)
    assert nonces[0] != nonces[1]
    assert first.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("variables", "source"),
    [
        ({"AWS_ENDPOINT_URL_S3": "https://s3.example.com:9000/x"}, "'self' https://s3.example.com:9000"),
        ({"AWS_ENDPOINT_URL_S3": "http://[::1]:9000"}, "'self'"),  # which no policy can name
        ({"AWS_ENDPOINT_URL_S3": "http://a b"}, "'self'"),
        ({"AWS_DEFAULT_REGION": "eu-central-1"}, "'self' https://bucket.s3.eu-central-1.amazonaws.com"),
    ],
)
def test_pictures_come_from_the_store_of_the_settings(
    anyone: Caller, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], source: str
) -> None:
    """And from nowhere else; without any if they cannot be read."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert f"img-src {source};" in anyone.get("/").headers["content-security-policy"]


def test_every_answer_of_the_page_is_kept_to_itself(anyone: Caller) -> None:
    """No frame, no referrer, no other window, no other type."""
    for path in ("/", f"{FILES}{version()}/main.js"):
        headers = anyone.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("name", "kind"), [("main.js", "text/javascript"), ("style.css", "text/css"), ("icon.svg", "image/svg+xml")]
)
def test_a_file_has_its_type_and_is_kept_by_its_version(anyone: Caller, name: str, kind: str) -> None:
    """A page of another version, opened before an upgrade, gets what there is, which is not kept."""
    answer = anyone.get(f"{FILES}{version()}/{name}")
    assert answer.headers["content-type"].partition(";")[0] == kind
    assert answer.headers["cache-control"] == "max-age=31536000, immutable"
    other = anyone.get(f"{FILES}0000/{name}")
    assert other.content == answer.content == files()[name].content
    assert other.headers["cache-control"] == "no-store"


def test_who_looks_whether_it_is_there_is_answered(anyone: Caller) -> None:
    """With the same heads, and no body; a tag that nobody gave out changes nothing."""
    for path in ("/", f"{FILES}{version()}/main.js"):
        whole, head = anyone.get(path), anyone.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == whole.headers["content-length"]
        assert anyone.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_all_styles_are_one_file_in_the_order_of_their_names() -> None:
    """The tokens first."""
    style = files()["style.css"].content
    parts = [path.read_bytes() for path in sorted(SOURCES.glob("style/*.css"))]
    assert len(parts) > 5
    assert style == b"\n".join(parts)


def test_the_frame_names_what_it_begins_with(anyone: Caller) -> None:
    """Each module that is imported before a view, however deep, so that a browser asks for them at once; no other."""
    frame = anyone.get("/").text
    named = re.findall(rf'modulepreload" href="{FILES}{version()}/([^"]+)"', frame)
    assert named[0] == "main.js"
    assert "views.js" in named
    assert not {"views/batch.js", "strip.js"} & set(named)
    for name in named:
        for one in re.findall(r'from "(\.[^"]+)"', files()[name].content.decode()):
            assert posixpath.normpath(posixpath.join(posixpath.dirname(name), one)) in named
    assert re.findall(rf"{FILES}(?!{version()}/)\S+", frame) == []


def test_there_is_no_other_file(anyone: Caller) -> None:
    """Neither the frame itself, nor what lies beside the folder."""
    for path in ("index.html", "../frame.py", "%2e%2e/frame.py", "nothing.js", "style/1-tokens.css", ""):
        assert problem(anyone.get(f"{FILES}{version()}/{path}"))["status"] in (401, 404), path
    assert problem(anyone.get(f"{FILES}main.js"))["status"] == 404


def test_the_page_calls_as_many_refusals_many_as_the_ledger() -> None:
    """So that a batch says the same on the page and in a terminal."""
    assert f"const MAX_SUSPECTS = {MAX_SUSPECTS};" in files()["holds.js"].content.decode()


def test_no_file_makes_markup_of_text() -> None:
    """What edits say is text, whatever it looks like; and nothing is loaded from elsewhere."""
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|https?://(?!www\.w3\.org)\w"
    )
    found = [(name, hit[0]) for name, file in files().items() if (hit := re.search(forbidden, file.content.decode()))]
    assert found == []
