"""The result of an edit: its images in S3, or why there are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Any

from retouch.media.saving import save
from retouch.output import Output
from retouch.price import Price
from retouch.rows import flat
from retouch.states import EditState


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an edit failed: a code for programs, and a message for people (the API's own where there is one)."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Result(Mapping[str, Any]):
    """The result of an edit that has ended.

    The attributes are typed. As a mapping it is the line of ``manifest.jsonl``: plain JSON values, and also keys that a
    newer worker has added. Nothing is parsed before it is read.
    """

    record: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.record[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.record)

    def __len__(self) -> int:
        return len(self.record)

    def to_json(self) -> dict[str, Any]:
        """The object that ``retouch results`` prints."""
        return dict(self.record)

    def row(self) -> dict[str, Any]:
        """Every value by a name of its own, such as ``outputs.0.uri``, ``parameters.seed``, ``metadata.sku``.

        The names are the columns of ``retouch results --format csv``. What has no value may be missing, but for
        ``outputs.0.uri``, ``error.code`` and ``error.message``. What is nested deeper, in ``parameters``, stays so.
        """
        row = flat(self.record)
        return row | {name: None for name in _ALWAYS if name not in row}

    @property
    def custom_id(self) -> str:
        """The edit's name within its batch."""
        return str(self.record["custom_id"])

    @property
    def state(self) -> EditState:
        """How it ended: completed, failed or cancelled."""
        return EditState(self.record["state"])

    @property
    def attempts(self) -> int:
        """How often it was sent to the API."""
        return int(self.record.get("attempts") or 0)

    @property
    def provider_id(self) -> str | None:
        """The API's id of the edit, if it gave one."""
        return self.record.get("provider_id")

    @property
    def seed(self) -> int | None:
        """The seed that the API says it used (for the first image); else the one that it was enqueued with, if any."""
        return self.record.get("seed")

    @property
    def parameters(self) -> dict[str, Any]:
        """What was sent to the API, with ``seed``, and without ``init_image``."""
        return dict(self.record.get("parameters") or {})

    @property
    def init_image(self) -> str | None:
        """The picture that was edited, as the producer named it: a link without its signature, bytes as their size."""
        return self.record.get("init_image")

    @property
    def uploaded_as(self) -> str | None:
        """Where that picture is in S3, if it was on the producer's disk or in its memory."""
        return self.record.get("uploaded_as")

    @property
    def redo_of(self) -> str | None:
        """The edit (``batch/custom_id``) that this one does again, if any."""
        return self.record.get("redo_of")

    @property
    def metadata(self) -> dict[str, str]:
        """What the producer has said about it."""
        return dict(self.record.get("metadata") or {})

    @property
    def outputs(self) -> list[Output]:
        """The images in S3, in the API's order; empty if none were copied."""
        return [
            Output(**{name: raw[name] for name in _OUTPUT_FIELDS if name in raw})
            for raw in self.record.get("outputs") or []
        ]

    def download(self, path: str | PathLike[str]) -> list[Path]:
        """Save the images, each checked by its SHA-256; returns the files (none if the edit has no image).

        ``path`` is a folder, which is made: the files are named ``{custom_id}.{n}.{ext}``. With one image it may also
        be the name of a file (``.png``, ``.jpg``, ``.jpeg``, ``.webp``). A file of that name is replaced. Needs
        the extra ``s3`` and the usual AWS variables. Raises InputError if a file cannot be written, and
        ServiceError if S3 does not give the image, or gives another one.
        """
        return save(self.custom_id, self.outputs, path)

    @property
    def blank(self) -> bool:
        """Whether an image of it is blank, or may be."""
        return any(output.blank for output in self.outputs)

    @property
    def error(self) -> Failure | None:
        """Why it failed or was cancelled; None if it completed."""
        raw = self.record.get("error")
        return Failure(str(raw.get("code") or ""), str(raw.get("message") or "")) if raw else None

    @property
    def possible_duplicate(self) -> bool:
        """Whether it was sent more than once, and may have been paid for more than once."""
        return bool(self.record.get("possible_duplicate"))

    @property
    def cost(self) -> Price | None:
        """What all its submits cost, with those that may have been paid for; None: nothing, or no price was known."""
        raw = self.record.get("cost")
        return Price.from_json(raw) if raw else None

    @property
    def submitted_at(self) -> datetime | None:
        """When the API accepted it (UTC); None if it never did."""
        return _instant(self.record.get("submitted_at"))

    @property
    def completed_at(self) -> datetime | None:
        """When it ended (UTC)."""
        return _instant(self.record.get("completed_at"))


_ALWAYS = ("outputs.0.uri", "error.code", "error.message")  # in each row, so that programs may rely on the column
_OUTPUT_FIELDS = list(Output.__dataclass_fields__)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
