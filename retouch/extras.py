"""How to install what an optional part needs, in a command that works wherever Retouch itself came from."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires

S3 = ("boto3", "obstore")


def no_s3() -> str:
    """What is wrong where the libraries of the extra ``s3`` are missing, and what to do."""
    return f"S3 support is not installed: {install(*S3)}"


def install(*libraries: str) -> str:
    """A command that installs these libraries in the versions that this Retouch asks for.

    It names them and not ``retouch[…]``: a checkout or a wheel has no index that knows it by that name.
    """
    return " ".join(["pip install", *(f"'{library}{_versions(library)}'" for library in libraries)])


def _versions(library: str) -> str:
    try:
        lines = requires("retouch") or []
    except PackageNotFoundError:  # run from a folder, without any installation
        return ""
    for line in lines:
        found = re.match(rf"{re.escape(library)}(?:\[[^]]*\])?\s*([^;]*)", line)
        if found:
            return found[1].strip()
    return ""
