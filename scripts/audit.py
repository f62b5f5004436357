"""Known vulnerabilities of the pinned packages, as the registry that pip is configured with tells them.

Every registry of PyPI's kind answers ``{base}/{name}/{version}/json`` with its advisories; a mirror may have only
``{base}/{name}/json``, which speaks of the newest release.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import urlopen

from pip._internal.models.index import PyPI

CONSTRAINTS = Path(__file__).with_name("constraints.txt")
TIMEOUT_S = 15.0
AT_ONCE = 8

Pin = tuple[str, str]  # name and version


class Findings(NamedTuple):
    """What the registry told: a line for each advisory, and the pins of which it told nothing."""

    advisories: list[str]
    untold: list[Pin]


def pins(text: str) -> list[Pin]:
    """Read names and versions from constraints."""
    return re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE)


def registry() -> str:
    """The JSON address of the registry that pip installs from."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    config = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    named = re.findall(r"\.index-url='([^']+)'", config)
    return str(re.sub(r"/simple/?$", "/pypi", named[-1]) if named else PyPI.pypi_url)


def told(base: str, pin: Pin) -> list[dict[str, Any]] | None:
    """Return the advisories of one pin, None if the registry tells nothing of it; raises OSError if it is away."""
    name, version = pin
    for path in (f"{name}/{version}", name):
        try:
            with urlopen(f"{base}/{path}/json", timeout=TIMEOUT_S) as answer:  # noqa: S310 - from pip's configuration
                release = json.load(answer)
        except HTTPError as error:
            error.close()
            continue
        except ValueError:
            return None
        if release["info"]["version"] == version:
            return [one for one in release["vulnerabilities"] if not one.get("withdrawn")]
    return None


def audit(base: str, wanted: list[Pin]) -> Findings:
    """Ask for every pin; raises OSError if the registry cannot be reached."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(zip(wanted, pool.map(lambda pin: told(base, pin), wanted), strict=True))
    advisories = [
        f"{name} {version}: {one['id']}, fixed in {', '.join(one.get('fixed_in') or ['no release yet'])}"
        for (name, version), found in answers
        for one in found or []
    ]
    return Findings(advisories, [pin for pin, found in answers if found is None])


def main() -> int:
    """Print what was found; returns the exit code."""
    wanted = pins(CONSTRAINTS.read_text())
    try:
        findings = audit(registry(), wanted)
    except OSError as error:
        print(f"audit: nothing was audited, the advisories cannot be reached: {getattr(error, 'reason', error)}")
        return 0
    for line in findings.advisories:
        print(f"audit: {line}")
    untold = ", ".join(f"{name} {version}" for name, version in findings.untold)
    audited = len(wanted) - len(findings.untold)
    print(f"audit: {len(findings.advisories)} advisories for {audited} of {len(wanted)} pinned packages", end="")
    print(f"; nothing is told of {untold}" if untold else "")
    return 1 if findings.advisories else 0


if __name__ == "__main__":
    sys.exit(main())
