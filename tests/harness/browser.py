"""A real browser, headless: the machine's own Chromium."""

from __future__ import annotations

import os
import shutil

from playwright.sync_api import Browser, Playwright

NEEDED = "needs a Chromium: apt-get install chromium, or a browser of that name on the path"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def program() -> str | None:
    """Where it is; None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def launch(playwright: Playwright, path: str) -> Browser:
    """Start it."""
    # In a container root has no sandbox; what it loads is ours.
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
