"""What becomes of an edit when it is checked: what is sent, and what is said about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from retouch.intake.admission import Intake, rebase
from retouch.intake.uploads import Inputs
from retouch.ledger import ABOUT
from retouch.net.addresses import PrivateHosts
from retouch.net.redaction import without_signature

GOOD = {"custom_id": "a", "prompt": "a cat", "init_image": "https://example.com/cat.png"}


def kept(intake: Intake, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the ledger keeps of the edit as its own."""
    return dict(json.loads(intake.entry(intake.admit(GOOD | fields, **more)).parameters))


def test_what_is_said_about_an_edit_is_kept_apart_from_what_is_sent(tmp_path: Path) -> None:
    """Its metadata, the edit that it does again, and the name that its picture had."""
    Image.new("RGB", (8, 8)).save(tmp_path / "cat.png")
    intake = Intake({}, PrivateHosts(), Inputs("bucket", folder=tmp_path))
    own = kept(intake, {"init_image": "cat.png", "metadata": {"sku": "1"}}, redo_of="b/a")
    assert own[ABOUT] == {"init_image": "cat.png", "redo_of": "b/a", "metadata": {"sku": "1"}}
    assert own["init_image"].startswith("s3://bucket/_inputs/")
    assert ABOUT not in kept(intake, {})


def test_metadata_for_all_is_each_edits_unless_it_has_its_own() -> None:
    """It is no default of the batch, which only has what is sent."""
    intake = Intake({"metadata": {"run": "1"}, "seed": 3}, PrivateHosts())
    assert "metadata" not in intake.defaults
    assert kept(intake, {})[ABOUT] == {"metadata": {"run": "1"}}
    assert kept(intake, {"metadata": {"sku": "2"}})[ABOUT] == {"metadata": {"sku": "2"}}


def test_a_batch_of_other_defaults_keeps_what_is_said() -> None:
    """The edit is written anew for it."""
    intake = Intake({"seed": 3}, PrivateHosts())
    entry = intake.entry(intake.admit(GOOD | {"metadata": {"sku": "1"}}, redo_of="b/a"))
    own = json.loads(rebase(entry, intake.defaults, {"samples": 2}).parameters)
    assert own[ABOUT] == {"redo_of": "b/a", "metadata": {"sku": "1"}}
    assert (own["seed"], own["samples"]) == (3, None)


def test_a_signed_link_is_sent_whole_and_shown_without_what_signs_it() -> None:
    """A result, an event and a file are read by more people than may read the picture."""
    link = "https://example.com/cat.png?X-Amz-Date=1&X-Amz-Signature=abc"
    own = kept(Intake({}, PrivateHosts()), {"init_image": link})
    assert own == {"prompt": "a cat", "init_image": link, ABOUT: {"init_image": "https://example.com/cat.png"}}


@pytest.mark.parametrize(
    "query",
    [
        *("X-Amz-Signature=a", "x-amz-security-token=a", "X-Goog-Signature=a", "Expires=1&Signature=a&Key-Pair-Id=b"),
        *("sv=1&sig=a", "token=a", "access_token=a", "w=1&api_key=a", "apikey=a", "AWSAccessKeyId=a", "auth=a"),
        *("hdnts=a", "password=a", "w=1;token=a"),
    ],
)
def test_what_lets_the_bearer_in_is_not_shown(query: str) -> None:
    """As object stores, CDNs and APIs name it."""
    assert without_signature(f"https://example.com/a.png?{query}") == "https://example.com/a.png"


@pytest.mark.parametrize("url", ["https://e.com/a.png", "https://e.com/a?id=3&width=2", "s3://b/a?token=1x", "a.png"])
def test_what_names_the_picture_is_shown(url: str) -> None:
    """Without its query many a link names another picture."""
    assert without_signature(url).startswith(url.partition("?")[0])
    assert "s3" in url or without_signature(url) == url
