"""Doing edits of a batch again: what is asked for, as a source of edits, and the id of the batch that they go to."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from retouch.edit import Edit, unknown_fields
from retouch.errors import InputError
from retouch.image_address import file_stem
from retouch.intake.admission import check_defaults
from retouch.intake.new_seeds import Reseeded, check_new_seeds
from retouch.intake.sizes import RangeStore, Sized, parse_size
from retouch.intake.source import Line, Source
from retouch.intake.variations import Variation, Varied, variations_of
from retouch.ledger import BatchView, Made, check_group
from retouch.nearest import nearest
from retouch.states import EditState

_LONGEST = 64  # characters of a batch's id
_SHOWN = 5  # ids that are named
_COMPARED = 5000  # ids of the batch that a wrong one is compared with


class Which(StrEnum):
    """The edits of a batch that are done again, by how they have ended."""

    ANY = "any"
    FAILED = "failed"
    BLANK = "blank"  # with an image that is blank, or may be

    def takes(self, made: Made) -> bool:
        """Whether an edit is one of them; one that has not ended never is."""
        if made.result is None:
            return False
        if self is Which.FAILED:
            return bool(made.result["state"] == EditState.FAILED)
        return self is Which.ANY or any(output.get("blank") for output in made.result["outputs"])


@dataclass(frozen=True)
class Wish:
    """Which edits of a batch are done again: all that ended so, or those of these ``ids``; and what is changed.

    ``groups``: of those that failed the ones of these groups of ``failures`` alone. ``changes``: None is a field that
    is not set any more. ``size``: as ``--size``. ``new_seeds``: so often each, every time with a seed that no other one
    has; 0: with the seeds that they had.
    """

    which: Which
    ids: Sequence[str] | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    variations: Sequence[Variation] = ()
    size: str = ""
    new_seeds: int = 0
    groups: Sequence[int] = ()

    def __post_init__(self) -> None:
        fields = {*self.changes, *(one.field for one in self.variations)}
        if check_new_seeds(self.new_seeds) and "seed" in fields:
            raise InputError("new seeds are drawn: do not set the seed, or vary it, beside them")
        if self.groups and self.which is not Which.FAILED:
            raise InputError("groups are of failed edits: leave them out, or do those again that failed")

    @classmethod
    def of(
        cls,
        only: str | Sequence[str],
        changes: Mapping[str, Any] | None = None,
        vary: Mapping[str, Sequence[Any]] | None = None,
        size: str = "",
        new_seeds: int = 0,
        groups: Iterable[int] = (),
    ) -> Wish:
        """Check what is asked for, as ``EditQueue.redo`` has it; raises InputError."""
        if isinstance(only, str) and only not in (Which.FAILED, Which.BLANK):
            raise InputError(f"only is {only[:80]!r}, and must be 'failed', 'blank', or a list of custom_ids")
        ids = None if isinstance(only, str) else list(dict.fromkeys(only))
        if ids is not None and not (ids and all(isinstance(one, str) for one in ids)):
            raise InputError("only must be 'failed', 'blank', or a list of custom_ids with at least one")
        changes = dict(changes or {})
        if unknown := [name for name, value in changes.items() if value is None and name not in Edit.model_fields]:
            raise InputError(f"there is no field {unknown_fields(unknown)}")
        changes = dict.fromkeys(changes) | check_defaults(changes)
        if size:
            parse_size(size)
        which = Which(only) if isinstance(only, str) else Which.ANY
        chosen = sorted({check_group(group) for group in groups})
        return cls(which, ids, changes, variations_of(vary or {}), size, new_seeds, chosen)

    def to_json(self) -> dict[str, Any]:
        """What ``of`` takes."""
        only = self.which.value if self.ids is None else list(self.ids)
        vary = {one.field: one.values for one in self.variations}
        return {"only": only, "set": dict(self.changes), "vary": vary, "size": self.size} | self._newer

    @property
    def content(self) -> str:
        """A hash of it: the same again is the same batch."""
        varied = [list(one) for one in self.variations]
        return content_of(
            {"which": self.which, "ids": sorted(self.ids or []), "set": dict(self.changes), "vary": varied}
            | {"size": self.size}
            | self._newer
        )

    @property
    def _newer(self) -> dict[str, Any]:
        """What wishes of before had not, where it is asked for: the others are told, and hashed, as they were."""
        newer = {"new_seeds": self.new_seeds, "groups": list(self.groups)}
        return {name: value for name, value in newer.items() if value}

    @property
    def pictures(self) -> list[Any]:
        """Those that it names, in place of what the edits were made of."""
        varied = [value for one in self.variations if one.field == "init_image" for value in one.values]
        return [picture for picture in (self.changes.get("init_image"), *varied) if picture is not None]

    def with_pictures(self, address_of: Callable[[Any], Any]) -> Wish:
        """The same, with other addresses of the pictures that it names."""
        changes = dict(self.changes)
        if changes.get("init_image") is not None:
            changes["init_image"] = address_of(changes["init_image"])
        varied = [
            one._replace(values=[address_of(value) for value in one.values]) if one.field == "init_image" else one
            for one in self.variations
        ]
        return replace(self, changes=changes, variations=varied)

    def source(self, redone: Redone, store_of: Callable[[str], RangeStore]) -> Source:
        """The edits as they are to be done again; ``store_of`` opens a bucket, to read the sizes of pictures."""
        wanted = parse_size(self.size) if self.size else None
        varied: Source = Varied(redone, self.variations)
        if self.new_seeds:
            varied = Reseeded(varied, self.new_seeds, f"{redone.batch}/{self.content}")
        return Sized(varied, wanted, {}, Path(), store_of)


@dataclass
class Redone:
    """A ``Source`` of a batch's edits, as a wish chooses and changes them.

    ``made`` reads the edits of these ids (None: all). ``takes``: of those that ended as wished, by their results, which
    are done again. ``waiting`` are the ids of those that have not ended, which are
    left out. At its end it raises InputError if one that was asked for by name is not there, or has not ended.
    """

    batch: str
    made: Callable[[Sequence[str] | None], Iterable[Made]]
    wish: Wish
    takes: Callable[[dict[str, Any]], bool] = lambda _result: True
    notes: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Line]:
        taken, missing = itertools.count(1), set(self.wish.ids or ())
        for one in self.made(self.wish.ids):
            missing.discard(one.custom_id)
            if one.result is None:
                self.waiting.append(one.custom_id)
            elif self.wish.which.takes(one) and self.takes(one.result):
                yield self._line(next(taken), one)
        if self.wish.ids is not None:
            self._refuse([name for name in self.wish.ids if name in missing])

    def _refuse(self, missing: list[str]) -> None:
        if missing:
            there = _ids_by_name(itertools.islice(self.made(None), _COMPARED))
            raise InputError(f"batch {self.batch} has no edit {_names(missing, there)}; nothing was enqueued")
        if self.waiting:
            raise InputError(
                f"{_names(self.waiting)} of batch {self.batch} have not ended yet; wait for them: retouch watch"
                f" {self.batch}"
            )

    def _line(self, number: int, one: Made) -> Line:
        fields = {
            **one.parameters,
            "custom_id": one.custom_id,
            "metadata": dict(one.about.metadata),
            **self.wish.changes,
        }
        shown = None if "init_image" in self.wish.changes else one.about.init_image
        kept = {name: value for name, value in fields.items() if value is not None}
        return Line(number, kept, redo_of=f"{self.batch}/{one.custom_id}", shown=shown, name=one.custom_id)


def content_of(asked: Mapping[str, Any]) -> str:
    """A hash of what was asked for: the same again is the same batch."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]


def redo_id(batch: str, content: str, look: Callable[[str], BatchView | None]) -> str:
    """The ``batch-redo-N`` that was made of the same, or else the first that never was there; ``look`` finds a batch.

    A long id is cut, so that it has at most 64 characters.
    """
    parent = look(batch)
    used = parent.redos if parent else 0
    for number in itertools.count(1):
        end = f"-redo-{number}"
        name = batch[: _LONGEST - len(end)] + end
        there = look(name)
        if (there is None and number > used) or (there and (there.redo_of, there.content) == (batch, content)):
            return name
    raise AssertionError("itertools.count ends")


def _ids_by_name(some: Iterable[Made]) -> dict[str, str]:
    """Ids of edits by what they may be called: by themselves, and by the names of the files that were edited."""
    by_name: dict[str, str] = {}
    for made in some:
        by_name[made.custom_id] = made.custom_id
        by_name.setdefault(file_stem(made.about.init_image or made.parameters["init_image"]), made.custom_id)
    return by_name


def _names(ids: list[str], there: Mapping[str, str] | None = None) -> str:
    """The first of ``ids``, each with the id of ``there`` (by name) that was probably meant."""
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return ", ".join(name[:80] + _meant(name, there or {}) for name in ids[:_SHOWN]) + more


def _meant(name: str, there: Mapping[str, str]) -> str:
    near = file_stem(name) if file_stem(name) in there else nearest(name, there)
    return f" (did you mean {there[near]}?)" if near else ""
