"""What docs/getting-started.md says in numbers and in quoted lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from config.settings import Settings
from retouch.media.store import MAX_PRESIGN_S
from tasks.submit import KEY_LIVES_S, LINK_MARGIN_S
from tests.unit.cli.conftest import Run

PAGE = (Path(__file__).parents[3] / "docs/getting-started.md").read_text()


def test_the_dry_run_says_what_the_page_shows(
    run: Run, manifest: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first batch of three, at the price of the page's settings."""
    [price] = re.findall(r"^export RETOUCH_PRICE='(.*)'$", PAGE, re.MULTILINE)
    monkeypatch.setenv("RETOUCH_PRICE", price)
    ended = run("enqueue", manifest(*({"seed": seed} for seed in range(3))), "--batch", "three", "--dry-run")
    [shown] = re.findall(r"^batch three, .*$", PAGE, re.MULTILINE)
    assert (ended.code, ended.err) == (0, f"{shown}\n")


def test_a_thousand_cost_what_the_page_says(
    run: Run, manifest: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the command says it, and with as many images at once as workers have by default."""
    [(price, total)] = re.findall(r"1,000 . (\S+ USD) = (\S+ USD) \|", PAGE)
    monkeypatch.setenv("RETOUCH_PRICE", price)
    ended = run("enqueue", manifest(*[{}] * 1000), "--dry-run")
    assert f"1,000 images, 16,000 UNet steps, about {total};" in ended.err
    [(seconds, at_once, duration)] = re.findall(r"1,000 . (\d+) s ÷ (\d+) = (\d+) s", PAGE)
    assert int(at_once) == Settings.model_fields["max_in_flight"].default
    assert 1000 * int(seconds) / int(at_once) == int(duration)


def test_a_link_lives_as_long_as_the_page_says() -> None:
    """And with the longest deadline no longer than a link can."""
    assert "`RETOUCH_DEADLINE` and one hour" in PAGE
    assert "`RETOUCH_API_IDEMPOTENT=true` 12 hours more" in PAGE
    assert (LINK_MARGIN_S, KEY_LIVES_S) == (3600, 12 * 3600)
    [deadline_s] = [limit.le for limit in Settings.model_fields["deadline"].metadata if hasattr(limit, "le")]
    assert deadline_s + LINK_MARGIN_S + KEY_LIVES_S <= MAX_PRESIGN_S
