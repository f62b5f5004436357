"""What becomes of an edit when it is checked: what is sent, and what is said about it."""

from __future__ import annotations

import io
import json
import re
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from retouch.edit import Edit
from retouch.intake.admission import Intake, InvalidEditError, rebase
from retouch.intake.embedded import MAX_TEXT
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


def test_an_edit_whose_fields_were_read_before_is_sent_where_its_picture_went(tmp_path: Path) -> None:
    """What was read is kept in the edit, and would be sent with the local path in it."""
    Image.new("RGB", (8, 8)).save(tmp_path / "cat.png")
    intake = Intake({}, PrivateHosts(), Inputs("bucket", folder=tmp_path))
    edit = Edit(custom_id="a", prompt="a cat", init_image="cat.png")
    assert edit.fields["init_image"] == "cat.png"
    assert json.loads(intake.entry(intake.admit(edit)).parameters)["init_image"].startswith("s3://")


def a_picture() -> bytes:
    """A small PNG."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    "write",
    [
        lambda data: f"data:image/png;base64,{b64encode(data).decode()}",
        lambda data: f" DATA:image/png;name=a;BASE64,{quote(b64encode(data))} ",
        lambda data: b64encode(data).decode(),
        lambda data: urlsafe_b64encode(data).decode().rstrip("="),
        lambda data: encodebytes(data).decode(),
    ],
)
def test_a_picture_in_the_text_is_uploaded_like_a_file(write: Callable[[bytes], str]) -> None:
    """However its base64 is written; what was given is shown by its kind and size alone."""
    data = a_picture()
    with Inputs("bucket") as inputs:
        own = kept(Intake({}, PrivateHosts(), inputs), {"init_image": write(data)})
        (picture,) = inputs.pending.values()
        assert picture.path.read_bytes() == data
    assert own["init_image"] == f"s3://bucket/{picture.key}"
    assert own[ABOUT]["init_image"].lower().startswith("data:image/png;")
    assert own[ABOUT]["init_image"].lower().endswith(f"base64,… ({len(data)} bytes)")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"data:image/png;base64,{b64encode(a_picture()).decode()[:60]}", r"base64,… \(45 bytes\) is not .* truncated"),
        (f"data:image/png;base64,{b64encode(a_picture()).decode()[:61]}", "is not base64"),
        ("data:image/png;base64,####", "is not base64"),
        ("data:image/svg+xml,%3Csvg/%3E", "without base64"),
        (f"data:image/svg+xml;base64,{b64encode(b'<svg/>').decode()}", "XML"),
        ("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "GIF"),
        ("data:;base64," + "A" * (MAX_TEXT + 4), "larger than"),
    ],
)
def test_a_text_that_is_no_whole_picture_is_refused_as_what_it_is(text: str, reason: str) -> None:
    """Never as a file that is not there, and never with all of it."""
    with Inputs("bucket") as inputs, pytest.raises(InvalidEditError, match=reason) as caught:
        Intake({}, PrivateHosts(), inputs).admit(GOOD | {"init_image": text})
    assert len(str(caught.value)) < 300


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
        *("hdnts=a", "password=a", "w=1;token=a", "jwt=a", "sas=a", "hash=a", "ex=1&is=2&hm=3", "%74oken=a", "SECRET"),
        *("id=1?token=a", f"id={'a' * 60}", "#access_token=a"),
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


def test_all_mistakes_of_an_edit_are_told_also_that_its_picture_is_missing(tmp_path: Path) -> None:
    """Else the second one shows only when the first is mended; a field that is no address is told once."""
    (tmp_path / "cat.png").write_bytes(a_picture())
    inputs = Inputs("bucket", folder=tmp_path)
    for image, words in (("no-such.png", "init_image .*No such file"), ("www.e.com/a.png", "write https:"), (5, "5")):
        with pytest.raises(InvalidEditError) as caught:
            Intake({}, PrivateHosts(), inputs).admit(GOOD | {"strength": 2, "init_image": image})
        strength, picture = sorted(caught.value.errors, reverse=True)
        assert strength.startswith("strength 2 ")
        assert re.search(words, picture)
    with pytest.raises(InvalidEditError, match=r"^strength 2 [^;]*$"):
        Intake({"init_image": "cat.png"}, PrivateHosts(), inputs).admit(
            {"custom_id": "a", "prompt": "x", "strength": 2}
        )
    assert not inputs.pending
