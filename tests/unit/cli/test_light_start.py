"""What a command loads at its start: no library that it does not use, since each costs tenths of a second."""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

from tests.harness.processes import run

HEAVY = ("PIL", "aiohttp", "boto3", "botocore", "celery", "fastapi", "kombu", "obstore", "pyarrow", "rich")
# Runs the command line, then tells on stderr how it ended and which of the libraries are loaded.
WATCHED = f"""
import json, sys
from retouch.cli.app import run
sys.argv[0] = "retouch"
try:
    run()
except SystemExit as end:
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
    print(json.dumps([end.code, loaded]), file=sys.stderr)
"""
EDIT = {"custom_id": "a", "prompt": "a cat", "init_image": "https://example.com/cat.png"}


@pytest.mark.skipif(Version(version("typer")) < Version("0.19"), reason="typer before 0.19 loads rich itself")
@pytest.mark.parametrize("arguments", [["--help"], ["status"], ["enqueue", "MANIFEST"]], ids=" ".join)
def test_a_common_command_loads_no_heavy_library(arguments: list[str], redis_url: str, tmp_path: Path) -> None:
    """On a pipe, and for pictures that are URLs; a bar, a table or a local picture loads what it needs."""
    manifest = tmp_path / "m.jsonl"
    manifest.write_text(json.dumps(EDIT) + "\n")
    words = [str(manifest) if word == "MANIFEST" else word for word in arguments]
    ended = run([sys.executable, "-c", WATCHED, *words], env=os.environ | {"RETOUCH_REDIS_URL": redis_url})
    assert json.loads(ended.err.splitlines()[-1]) == [0, []]
