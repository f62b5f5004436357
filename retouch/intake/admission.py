"""How edits are checked: ``Intake`` turns a producer's edits into entries; ``BatchWriter`` writes them, page by page.

``EditQueue`` and the command line are both built on these two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from retouch import image_address
from retouch.edit import DEFAULT_MODEL, Edit, explain
from retouch.errors import InputError
from retouch.image_address import ImageKind
from retouch.intake import embedded
from retouch.intake.mistakes import Rejection, by_mistake, described
from retouch.intake.uploads import Inputs
from retouch.ledger import ABOUT, About, Entry, made_of
from retouch.net.addresses import PrivateHosts, check_url
from retouch.net.redaction import without_signature
from retouch.plain_values import plain_fields
from retouch.plural import count, were

KEPT, SHOWN = 1000, 5  # rejected edits in a RejectedEditsError, and mistakes in its message
CORRECT = "Correct them and enqueue all again, or leave them out with on_invalid='skip'."
_JSON = json.JSONEncoder(separators=(",", ":"))


class InvalidEditError(InputError):
    """An edit is invalid; ``errors`` has a sentence for each field."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


class RejectedEditsError(InputError):
    """Some of the edits that were to be enqueued are invalid, or their ``custom_id`` exists with other parameters.

    ``rejected``: the first 1,000 of them. ``count``: how many there are. The message tells a mistake of many once.
    """

    def __init__(self, rejected: Sequence[Rejection], outcome: str, remedy: str = "", *, noun: str = "edit") -> None:
        self.rejected = list(rejected[:KEPT])
        self.count = len(rejected)
        groups = by_mistake(rejected)
        shown = "".join(f"\n  {described(group, noun)}" for group in groups[:SHOWN])
        left = sum(map(len, groups[SHOWN:]))
        head = f"{count(self.count, 'edit')} {were(self.count)} rejected, and {outcome}:"
        super().__init__(f"{head}{shown}{f'{chr(10)}  and {left:,} more' if left else ''}\n{remedy or CORRECT}")


class Admitted(NamedTuple):
    """An edit that was checked, and what is said about it."""

    edit: Edit
    about: About


class Intake:
    """Checks edits and turns them into entries.

    ``defaults`` are fields for edits that do not set them; raises InputError if they are invalid.
    ``inputs`` handles local pictures; without it they are refused. ``shown``: how the picture of the defaults is named
    for people, where that is not its address.
    """

    def __init__(
        self,
        defaults: Mapping[str, Any],
        private_hosts: PrivateHosts,
        inputs: Inputs | None = None,
        shown: str | None = None,
    ) -> None:
        self._fields = check_defaults(defaults)
        self._private_hosts = private_hosts
        self._inputs = inputs or Inputs(None)
        self._shown = shown
        # What the ledger keeps once for the batch. A local path means nothing there; metadata is each edit's own.
        self.defaults = {"model_id": DEFAULT_MODEL} | self._fields
        self.defaults.pop("metadata", None)
        if "://" not in self.defaults.get("init_image", "://"):
            del self.defaults["init_image"]

    def admit(
        self,
        raw: Edit | Mapping[str, Any],
        *,
        redo_of: str | None = None,
        shown: str | None = None,
    ) -> Admitted:
        """Return the complete edit: defaults applied, its image's address checked; raises InvalidEditError.

        ``redo_of``: the edit (``batch/custom_id``) that this one does again; ``shown``: how that names its
        ``init_image``, if not as it is.
        """
        try:
            if isinstance(raw, Edit):
                edit = raw if not self._fields else self._complete(raw)
            else:
                edit = Edit.model_validate({**self._fields, **plain_fields(raw)} if self._fields else raw)
        except ValidationError as error:
            raise InvalidEditError(explain(error) + self.trouble_with_picture(raw)) from None
        try:
            address, seen = self._located(edit.init_image)
        except InputError as error:
            raise InvalidEditError([f"init_image {error}"]) from None
        if address != edit.init_image:
            edit = edit.at(address)
        if self._shown and address == self._fields["init_image"]:
            seen = self._shown
        shown = shown or (seen if seen != address else None)
        return Admitted(edit, About(shown, redo_of, edit.metadata or {}))

    def trouble_with_picture(self, raw: Edit | Mapping[str, Any]) -> list[str]:
        """What is wrong with the picture of an edit that is refused for other reasons; empty if it is there."""
        given = raw.init_image if isinstance(raw, Edit) else {**self._fields, **raw}.get("init_image")
        if not isinstance(given, str):
            return []
        try:
            self._located(image_address.clean(given))
        except InputError as error:
            return [f"init_image {error}"]
        except ValueError:  # no address: its field says so
            return []
        return []

    def _located(self, given: str) -> tuple[str, str]:
        """Where the API finds the picture (in S3 once it is uploaded), and what may be shown of what was given."""
        kind = image_address.kind_of(given)
        if kind is ImageKind.URL:
            check_url(given, self._private_hosts)
            return given, without_signature(given)
        if kind is ImageKind.PATH:
            try:
                return self._inputs.uri(given), given
            except InputError as error:
                raise InputError(f"{error}{image_address.hint(given)}") from None
        if kind is ImageKind.EMBEDDED:
            picture, shown = embedded.decode(given)
            return self._inputs.take(picture, shown), shown
        self._inputs.check_address(given)
        return given, given

    def _complete(self, edit: Edit) -> Edit:
        return Edit.model_validate(self._fields | {name: getattr(edit, name) for name in edit.model_fields_set})

    def entry(self, admitted: Admitted) -> Entry:
        """The edit as the ledger keeps it; its picture is to be uploaded, if it is on this machine."""
        edit, about = admitted
        self._inputs.need(edit.init_image)
        own = _less(edit.fields, self.defaults, about)
        return Entry(edit.custom_id, edit.digest, own, edit.samples or 1, edit.seed)


def check_defaults(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Check a batch's defaults by the rules for an edit; None is left out. Raises InvalidEditError."""
    if "custom_id" in defaults:
        raise InvalidEditError(["custom_id cannot be the same for all edits; set it on each edit"])
    given = {name: value for name, value in plain_fields(defaults).items() if value is not None}
    needed = {"custom_id": "x", "prompt": "x", "init_image": "x"}
    try:
        edit = Edit.model_validate(needed | given)
    except ValidationError as error:
        raise InvalidEditError(explain(error)) from None
    checked = edit.fields | {"metadata": edit.metadata}
    return {name: checked[name] for name in given}


def _less(fields: Mapping[str, Any], defaults: Mapping[str, Any], about: About) -> str:
    """The fields as JSON, without those that equal the batch's; null: the batch sets the field, this edit does not."""
    own = {name: value for name, value in fields.items() if name == "extra" or defaults.get(name) != value}
    for name in defaults:
        if name not in fields:
            own[name] = None
    if said := about.to_json():
        own[ABOUT] = said
    return _JSON.encode(own)


def rebase(entry: Entry, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Entry:
    """The same edit, written for a batch that was created with other defaults."""
    fields, about = made_of(ours, json.loads(entry.parameters))
    return entry._replace(parameters=_less(fields, theirs, about))


def custom_id_of(raw: Edit | Mapping[str, Any]) -> str | None:
    """The custom_id as it was written, or None if it is not text."""
    value = raw.custom_id if isinstance(raw, Edit) else raw.get("custom_id")
    return value[:100] if isinstance(value, str) else None
