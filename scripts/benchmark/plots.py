"""The picture: drawn by matplotlib, in an environment of its own (``drawing.py`` runs there)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.benchmark.environments import NotInstallableError, interpreter

PINS = Path(__file__).with_name("plots.txt")
DRAWING = Path(__file__).with_name("drawing.py")


def draw(outcome: Mapping[str, Any], picture: Path) -> bool:
    """Draw a report's JSON values to a PNG file; False, and a line on stderr, where matplotlib cannot be had."""
    try:
        python = interpreter(PINS)
    except NotInstallableError as error:
        print(f"bench: no picture: {error}", file=sys.stderr)
        return False
    # -I: the drawing needs nothing of this project, nor of the person's Python settings.
    command = [str(python), "-I", str(DRAWING), str(picture)]
    subprocess.run(command, input=json.dumps(outcome), text=True, check=True)
    return True
