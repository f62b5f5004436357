"""From the arguments of a command to one source of edits: a manifest, a folder of pictures, or pictures by name."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any

from retouch.errors import InputError
from retouch.intake.folder import TEMPLATES, Filled, Folder, folder_identity
from retouch.intake.listing import Listing, is_picture_name, list_folder, list_named
from retouch.intake.manifest import STDIN, Columns, opened
from retouch.intake.sizes import RangeStore, Sized, Wanted
from retouch.intake.source import Source
from retouch.intake.variations import Variation, Varied
from retouch.media import images


@dataclass(frozen=True)
class Asked:
    """What the options say about the edits of a source.

    ``defaults``: fields for edits that do not set them; in prompts for pictures, names in braces are filled.
    ``id_template``, ``matches`` and ``recursive`` are for pictures alone, ``columns`` for manifests.
    """

    defaults: Mapping[str, Any] = field(default_factory=dict)
    variations: Sequence[Variation] = ()
    size: Wanted | None = None
    id_template: str = ""
    matches: Sequence[str] = ()
    recursive: bool = False
    columns: Columns = field(default_factory=Columns)

    def __post_init__(self) -> None:
        if self.size and (set_ := [side for side in ("width", "height") if self.defaults.get(side) is not None]):
            raise InputError(f"--size and {set_[0]} both say how large results are; give one of them")


@dataclass(frozen=True)
class Opened:
    """A source, and what its batch needs to know.

    ``stem``: what the batch's id begins with. ``folder``: what its local paths are relative to.
    ``defaults``: fields for edits that do not set them. ``identity``: what the batch's id is made of, if not the edits.
    """

    source: Source
    stem: str
    folder: Path
    defaults: Mapping[str, Any]
    identity: str | None = None


@contextmanager
def opened_source(
    arguments: Sequence[str],
    asked: Asked,
    store_of: Callable[[str], RangeStore],
) -> Iterator[Opened]:
    """Open what the arguments name, varied and sized as asked; raises InputError if they do not go together."""
    if not all(arguments):
        raise InputError("a source is empty: give a manifest, a folder or pictures")
    kinds = {one: _kind(one) for one in arguments}
    pictures = [one for one in arguments if kinds[one] is _Kind.PICTURE]
    folders = [one for one in arguments if kinds[one] is _Kind.FOLDER]
    if folders and len(arguments) > 1:
        raise InputError("one folder at a time: give the folder alone (--recursive reads its subfolders too)")
    if pictures and len(pictures) < len(arguments):
        other = next(one for one in arguments if one not in pictures)
        raise InputError(
            f"{other} is not a picture, and others are; give pictures alone, or their folder, or one manifest"
        )
    if folders or pictures:
        yield _of_pictures(arguments, asked, store_of)
        return
    if len(arguments) > 1:
        raise InputError(f"one manifest at a time; {len(arguments)} were given")
    if asked.id_template or asked.matches or asked.recursive:
        raise InputError("--id, --match and --recursive are for a folder of pictures; a manifest says all of it itself")
    path = Path() if arguments[0] == STDIN else Path(arguments[0])
    with opened(arguments[0], asked.columns) as manifest:
        source = _shaped(manifest, asked, asked.defaults, path.parent, store_of)
        yield Opened(source, path.stem or "stdin", path.parent, asked.defaults)


def _of_pictures(arguments: Sequence[str], asked: Asked, store_of: Callable[[str], RangeStore]) -> Opened:
    listing, home = _listed(arguments, asked)
    prompts = {name: asked.defaults[name] for name in TEMPLATES if asked.defaults.get(name)}
    varied = {one.field: one.values for one in asked.variations if one.field in TEMPLATES}
    if "prompt" not in prompts.keys() | varied.keys():
        raise InputError(
            "pictures need a prompt, such as --prompt 'an oil painting of {stem}'; {caption} is the text of the .txt"
            " file beside a picture"
        )
    defaults = {name: value for name, value in asked.defaults.items() if name not in TEMPLATES}
    folder = Folder(listing, asked.id_template)
    varying = Varied(folder, asked.variations) if asked.variations else folder
    filled = Filled(varying, listing.pictures, prompts)
    filled.check([str(value) for values in varied.values() for value in values if value is not None])
    identity = folder_identity(home, {"defaults": dict(asked.defaults), "id": asked.id_template, "size": asked.size})
    source = Sized(filled, asked.size, defaults, Path(), store_of)
    stem = home.resolve().name if os.path.isdir(home) else home.stem
    return Opened(source, stem, Path(), defaults, identity)


def _listed(arguments: Sequence[str], asked: Asked) -> tuple[Listing, Path]:
    """The pictures, and what their batch is named after: the only one, the folder of all, or the current folder."""
    first = Path(arguments[0])
    if os.path.isdir(first):
        return list_folder(first, asked.matches, recursive=asked.recursive), first
    if asked.matches or asked.recursive:
        raise InputError("--match and --recursive are for a folder; these are pictures by name")
    if len(set(arguments)) == 1:
        return list_named(arguments), first
    parents = {Path(one).parent.resolve() for one in arguments}
    return list_named(arguments), parents.pop() if len(parents) == 1 else Path()


def _shaped(
    source: Source, asked: Asked, defaults: Mapping[str, Any], folder: Path, store_of: Callable[[str], RangeStore]
) -> Sized:
    varied = Varied(source, asked.variations) if asked.variations else source
    return Sized(varied, asked.size, defaults, folder, store_of)


class _Kind(Enum):
    MANIFEST = auto()
    FOLDER = auto()
    PICTURE = auto()


def _kind(argument: str) -> _Kind:
    """What an argument is, by its name, or by what it holds; raises InputError if it is not there."""
    if argument == STDIN:
        return _Kind.MANIFEST
    try:
        mode = os.stat(argument).st_mode
        if stat.S_ISDIR(mode):
            return _Kind.FOLDER
        # What is read of a pipe, such as <(...) of a shell, is gone for whoever reads it next.
        if is_picture_name(argument) or (stat.S_ISREG(mode) and _begins_as_picture(argument)):
            return _Kind.PICTURE
    except OSError as error:
        if is_picture_name(argument):
            return _Kind.PICTURE  # whoever takes it says what is wrong with it
        missing = isinstance(error, FileNotFoundError)
        reason = "there is no such file or folder" if missing else error.strerror
        raise InputError(f"cannot read {argument[:200]}: {reason}") from None
    return _Kind.MANIFEST


def _begins_as_picture(path: str) -> bool:
    with open(path, "rb") as stream:
        return images.kind_of(stream.read(16)) is not None
