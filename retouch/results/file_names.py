"""The names that downloaded pictures get: a template such as ``{custom_id}.{n}.{ext}``, checked before it is used."""

from __future__ import annotations

from pathlib import PurePosixPath
from string import Formatter

from retouch import image_address
from retouch.edit_result import Result
from retouch.errors import InputError
from retouch.media.downloads import PARTIAL
from retouch.output import Output

DEFAULT_NAMES = "{custom_id}.{n}.{ext}"
_LONGEST = 255  # bytes, on nearly all file systems
FIELDS = ("batch", "custom_id", "stem", "n", "ext", "sha256")


class FileNames:
    """Makes the names of a batch's pictures, with ``/`` between folders; raises InputError if the template is none.

    ``option`` is what errors call the template.
    """

    def __init__(self, template: str, batch: str, option: str = "names") -> None:
        self._template = template
        self._batch = batch
        self.option = option
        self._taken: set[int] = set()
        self._fields = self._read_fields()
        for name in self._fields:
            if name not in FIELDS:
                known = ", ".join(f"{{{field}}}" for field in FIELDS)
                raise InputError(f"{self.option}: there is no {{{name}}}; there are {known}")

    def name(self, result: Result, number: int, output: Output) -> PurePosixPath:
        """The name of one picture; raises InputError if it would be outside of the folder, or lacks its {stem}."""
        key = PurePosixPath(output.uri)
        stem = self._stem(result) if "stem" in self._fields else ""
        text = self._template.format(
            batch=self._batch, custom_id=result.custom_id, stem=stem, n=number, ext=key.suffix[1:], sha256=output.sha256
        )
        parts = text.split("/")
        if any(part in ("", ".", "..") or not part.isprintable() or "\\" in part for part in parts):
            raise InputError(f"{self.option}: {text[:200]!r} is not the name of a file inside the folder")
        if any(len(part.encode()) > _LONGEST for part in parts):
            raise InputError(f"{self.option}: {text[:80]!r}… is longer than the {_LONGEST} bytes that a name may have")
        if text.endswith(PARTIAL):
            raise InputError(f"{self.option}: {text[:200]!r} is how an unfinished file is named; choose another ending")
        return PurePosixPath(*parts)

    def claim(self, name: PurePosixPath, result: Result) -> None:
        """Note that a picture has this name; raises InputError if another has it, also in other letter case."""
        mark = hash(str(name).casefold())  # of a million names, hashes alone are held
        if mark in self._taken:
            raise InputError(
                f"{self.option}: two pictures would be {str(name)[:200]!r} (upper and lower case count as one), the"
                f" second is {result.custom_id}'s; write {self.option} with {{custom_id}} and {{n}}, or, where ids"
                " differ in case alone, with {sha256}"
            )
        self._taken.add(mark)

    def _stem(self, result: Result) -> str:
        """The name of the file that was edited, without its extension."""
        if stem := image_address.file_stem(result.init_image or ""):
            return stem
        raise InputError(
            f"{self.option}: the picture that {result.custom_id} was made of has no file name for {{stem}};"
            " write {custom_id}"
        )

    def _read_fields(self) -> list[str]:
        try:
            parts = list(Formatter().parse(self._template))
        except ValueError as error:
            raise InputError(f"{self.option} {self._template[:80]!r}: {error}") from None
        if any(spec or conversion for _, _, spec, conversion in parts):
            raise InputError(f"{self.option} {self._template[:80]!r}: a field is written {{name}}, and nothing else")
        return [name for _, name, _, _ in parts if name is not None]
