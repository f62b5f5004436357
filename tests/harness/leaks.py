"""The secrets of a test run, and the search for them in whatever its servers and workers have logged."""

from __future__ import annotations

import json
import re
from pathlib import Path

KEPT = ("password", "api-key", "token")  # the files in which the stack's parts keep theirs (``keep_secret``)
CREDENTIALS = "credentials.json"  # the S3 server's
# What makes a link or a webhook work, whoever made it up.
WORKING = re.compile(rb"whsec_[A-Za-z0-9+/]{32,}|X-Amz-Signature=[0-9a-f]{8,}|[?&]token=[0-9a-f]{8,}")


def secrets_below(folder: Path) -> set[str]:
    """Every secret that a part of the stack keeps somewhere below ``folder``."""
    found = {path.read_text().strip() for name in KEPT for path in folder.rglob(name) if path.is_file()}
    for path in folder.rglob(CREDENTIALS):
        identities = json.loads(path.read_text())["identities"]
        found |= {pair["secretKey"] for identity in identities for pair in identity["credentials"]}
    return found - {""}


def leaks(folder: Path) -> list[str]:
    """Where a log below ``folder`` holds a secret: file and line, without the secret itself."""
    secrets = [secret.encode() for secret in secrets_below(folder)]
    found = []
    for path in sorted(folder.rglob("*.log")):
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if WORKING.search(line) or any(secret in line for secret in secrets):
                    found.append(f"{path.relative_to(folder)}:{number}")
    return found
