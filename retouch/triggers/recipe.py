"""A recipe: which new objects make edits, which edits, and in which batches. (Its file: ``recipe_file.py``.)"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from retouch import image_address
from retouch.edit import BATCH_PATTERN
from retouch.errors import InputError
from retouch.intake.custom_ids import custom_id_for
from retouch.intake.sizes import Wanted, fit
from retouch.intake.template import Template
from retouch.intake.values import read_value
from retouch.media.headers import Size
from retouch.media.images import MAX_BYTES
from retouch.triggers.notifications import NewObject
from retouch.triggers.pattern import KeyPattern

GRACE = timedelta(minutes=10)  # after the end of a day or an hour: notifications of its last pictures may be late
AHEAD = timedelta(days=1)  # a store's clock may go wrong, but no batch is to stay open for years
NAMES = ("bucket", "key", "stem", "name", "folder", "day", "hour")  # in templates, beside those of the pattern
_KEPT, _HASH = 51, 12  # characters of a picture's name in its id, and of the hash behind it


class Unusable(StrEnum):
    """What becomes of an object that matches, and can be no edit's picture."""

    SKIP = "skip"
    FAIL = "fail"


class Made(NamedTuple):
    """The edit that a recipe makes of an object; ``fields`` without those that all edits of the recipe share.

    ``open_until``: the batch does not end before; None: it ends when its edits have.
    """

    recipe: Recipe
    uri: str
    batch: str
    fields: dict[str, Any]
    open_until: datetime | None

    def sized(self, picture: Size) -> Made:
        """The same, with the sides that the recipe wants for a picture of this size."""
        wanted = self.recipe.size
        if wanted is None:
            return self
        sides = wanted.sides or fit(picture, wanted.long_side or 0)
        return self._replace(fields={**self.fields, "width": sides.width, "height": sides.height})


@dataclass(frozen=True, eq=False)
class Recipe:
    """A recipe that was read. ``shared``: fields that all of its edits have; ``templates``: texts that are filled.

    ``closes``: when its batches may end: after their ``day`` or ``hour``, or so long after their newest picture; empty:
    when their edits have ended.
    """

    name: str
    bucket: str
    pattern: KeyPattern
    batch: Template
    shared: Mapping[str, Any]
    templates: Mapping[str, Template]
    metadata: Mapping[str, Template]
    closes: str | timedelta = ""
    size: Wanted | None = None
    weight: float = 1.0
    max_bytes: int = MAX_BYTES
    unusable: Unusable = Unusable.SKIP

    def why_not(self, found: NewObject) -> str:
        """Why the recipe does not take an object; empty if it does."""
        if found.bucket != self.bucket:
            return f"it is for the bucket {self.bucket}"
        return "" if self.pattern.match(found.key) is not None else f"the key does not match {self.pattern}"

    def trouble_with(self, found: NewObject) -> str:
        """Why an object that it takes can be no edit's picture, as far as its notification tells; empty if it can."""
        if found.key.endswith("/") or found.size == 0:
            return "it is empty"
        if found.size is not None and found.size > self.max_bytes:
            return f"it has {found.size:,} bytes; at most {self.max_bytes:,} are taken (max_bytes)"
        try:
            if image_address.clean(found.uri) == found.uri:
                return ""
        except ValueError as error:
            return f"its address {error}"
        return "its key begins or ends with a blank, which no init_image can"

    def make(self, found: NewObject, told_at: datetime) -> Made:
        """The edit of an object that it takes; the same for each notification of the same content.

        ``told_at``: when it was told of, where the store does not say when it came, or says that it will come long
        after that. Raises InputError if no batch can have the name that comes out.
        """
        early = found.at and found.at - told_at > AHEAD
        at = (told_at if early or not found.at else found.at).astimezone(UTC)
        values = self._values(found, at)
        fields = {name: read_value(name, template.fill(values)) for name, template in self.templates.items()}
        if self.metadata:
            fields["metadata"] = {name: template.fill(values) for name, template in self.metadata.items()}
        fields |= {"custom_id": custom_id_of(found), "init_image": found.uri}
        return Made(self, found.uri, self._batch(values), fields, self._open_until(at))

    def _values(self, found: NewObject, at: datetime) -> dict[str, str]:
        path = PurePosixPath(found.key)
        own = self.pattern.match(found.key) or {}
        return {
            **{"bucket": found.bucket, "key": found.key, "stem": path.stem, "name": path.name},
            **{"folder": path.parent.name, "day": f"{at:%Y-%m-%d}", "hour": f"{at:%Y-%m-%dT%H}"},
            **own,
        }

    def _batch(self, values: Mapping[str, str]) -> str:
        name = self.batch.fill(values)
        if not BATCH_PATTERN.fullmatch(name):
            name = custom_id_for(name, name).lstrip("._-")
        if not BATCH_PATTERN.fullmatch(name):
            raise InputError(f"no batch can be called {name[:80]!r}")
        return name

    def _open_until(self, at: datetime) -> datetime | None:
        if not self.closes:
            return None
        if self.closes == "day":
            return at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1) + GRACE
        if self.closes == "hour":
            return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1) + GRACE
        assert isinstance(self.closes, timedelta)
        return at + self.closes


def refuse_own_results(recipe: Recipe, bucket: str, prefix: str) -> None:
    """Raise InputError if results below ``prefix`` of ``bucket`` could make edits of themselves, without end."""
    if recipe.bucket == bucket and recipe.pattern.may_match_below(prefix):
        raise InputError(
            f"the recipe {recipe.name} takes s3://{bucket}/{recipe.pattern}, and results are put below"
            f" s3://{bucket}/{prefix}: they could make edits of themselves, without end. Put pictures into a bucket of"
            " their own, or give results a RETOUCH_PREFIX of their own, alike for all workers"
        )


def custom_id_of(found: NewObject) -> str:
    """An id that people recognise, and that only the same content of the same key has again."""
    of = "\0".join((found.bucket, found.key, found.content))
    digest = hashlib.sha256(of.encode(errors="surrogatepass")).hexdigest()[:_HASH]
    stem = re.sub(r"[^A-Za-z0-9._-]", "-", PurePosixPath(found.key).stem).lstrip(".")
    return f"{stem[:_KEPT]}-{digest}"
