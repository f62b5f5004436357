"""The audit of the pinned packages: what the registry tells, and what it is when it tells nothing."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from scripts import audit
from tests.harness.web import Request, Web

BAD = {"id": "PYSEC-1", "fixed_in": ["2.0"]}
RELEASES = {
    "/pypi/good/1.0/json": ("1.0", []),
    "/pypi/bad/1.0/json": ("1.0", [BAD, {"id": "PYSEC-2", "fixed_in": [], "withdrawn": "2026-01-01"}]),
    "/pypi/newest/json": ("3.0", [BAD | {"fixed_in": []}]),
    "/pypi/older/json": ("9.0", [BAD]),
}


def answer(request: Request) -> tuple[int, bytes]:
    version, found = RELEASES.get(request.path, (None, []))
    body = json.dumps({"info": {"version": version}, "vulnerabilities": found}).encode()
    return (200 if version else 404), body


@pytest.fixture
def base() -> Iterator[str]:
    """A registry, of which some releases are known by version and some only as the newest."""
    with Web(answer) as web:
        yield f"{web.url}/pypi"


def test_advisories_are_told_by_package(base: str) -> None:
    """By version, or of the newest release if that is what is pinned; withdrawn ones are none."""
    wanted = [("good", "1.0"), ("bad", "1.0"), ("newest", "3.0"), ("older", "1.0"), ("unknown", "1.0")]
    findings = audit.audit(base, wanted)
    assert findings.advisories == [
        "bad 1.0: PYSEC-1, fixed in 2.0",
        "newest 3.0: PYSEC-1, fixed in no release yet",
    ]
    assert findings.untold == [("older", "1.0"), ("unknown", "1.0")]


@pytest.mark.parametrize(("name", "code"), [("good", 0), ("bad", 1), ("unknown", 0)])
def test_only_advisories_fail_the_audit(
    base: str, name: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A package of which nothing is told is named, and is no failure."""
    monkeypatch.setattr(audit, "registry", lambda: base)
    monkeypatch.setattr(audit, "pins", lambda _text: [(name, "1.0")])
    assert audit.main() == code
    assert (f"nothing is told of {name} 1.0" in capsys.readouterr().out) == (name == "unknown")


def test_a_registry_that_is_away_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without advisories nothing is audited, which is said and does not fail a build."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        monkeypatch.setattr(audit, "registry", lambda: f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert audit.main() == 0
    [line] = capsys.readouterr().out.splitlines()
    assert "nothing was audited" in line


def test_every_pin_is_read() -> None:
    """Each entry of the constraints is audited, markers and hashes aside."""
    text = audit.CONSTRAINTS.read_text()
    assert len(audit.pins(text)) == text.count("==") - text.count("== '")
    assert ("good", "1.0") in audit.pins("good==1.0 ; python_version < '3.13' \\\n    --hash=sha256:00\n")
