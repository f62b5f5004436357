"""From notifications to edits in the ledger: for whoever gets them, from a queue or by HTTP."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from retouch import blocking
from retouch.errors import BrokenResultError, CancelledError, InputError, ServiceError, StoreError, StoreRefusedError
from retouch.intake.sizes import RangeStore, size_in
from retouch.intake.writing import CONFLICT, Receipt
from retouch.media.headers import Size
from retouch.queue import EditQueue
from retouch.senders import RECIPE, shown
from retouch.triggers.notifications import NewObject, parse
from retouch.triggers.recipe import Made, Recipe, Unusable

_AT_ONCE = 32  # pictures that are looked at
_TOLD = 5  # of the troubles of a message


class Told(NamedTuple):
    """A message of a store, and when it was sent."""

    body: str | bytes
    at: datetime


@dataclass
class Taken:
    """What became of a message.

    ``edits``: those that are in the ledger now, or were there. ``left_out``: objects that make no edit, and why.
    ``troubles``: why others make none although they should. ``for_a_person``: S3 refuses them, so time alone does not
    help.
    """

    edits: list[Made] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    for_a_person: bool = False

    @property
    def trouble(self) -> str:
        """Why the message is not done with, in one line; empty if it is."""
        more = len(self.troubles) - _TOLD
        return "; ".join(self.troubles[:_TOLD]) + (f"; and {more:,} more" if more > 0 else "")

    def without(self, custom_ids: Collection[str], batch: str, why: str) -> None:
        """Tell that these edits of it were not taken."""
        self.edits = [one for one in self.edits if one.batch != batch or one.fields["custom_id"] not in custom_ids]
        if why not in self.troubles:
            self.troubles.append(why)


class Taking(NamedTuple):
    """What became of messages, one by one, and of the batches that got their edits."""

    messages: list[Taken]
    receipts: list[Receipt]

    def check_disk(self) -> None:
        """Raise ServiceError if Redis has not confirmed that all of it is on its disk."""
        for receipt in self.receipts:
            if receipt.written and not receipt.on_disk:
                raise ServiceError(f"Redis has not confirmed that edits of batch {receipt.batch} are on its disk")


class Taker:
    """Makes edits of new objects by recipes, of which the first that takes an object counts.

    ``store_of`` opens a bucket: the beginning of each picture is read before it is paid for. ``check`` gets each edit
    before anything is read or written: what it raises, ``take`` does.
    """

    def __init__(
        self,
        queue: EditQueue,
        recipes: Sequence[Recipe],
        store_of: Callable[[str], RangeStore],
        check: Callable[[Made], None] = lambda _made: None,
    ) -> None:
        self._queue = queue
        self._recipes = recipes
        self._store_of = store_of
        self._check = check

    def take(self, messages: Iterable[Told]) -> Taking:
        """Enqueue the edits of these messages; taking the same again adds nothing.

        Raises ServiceError if Redis or S3 cannot be used: all messages are to be taken again then. If the process dies
        in the middle, what was written stays, and taking the messages again adds the rest. Raises InputError if S3
        cannot be used in this process at all.
        """
        return self._take([self._planned(message) for message in messages])

    def take_objects(self, objects: Iterable[NewObject], at: datetime) -> Taking:
        """The same for objects of which no message tells: as if one had told of them all."""
        taken = Taken()
        for found in objects:
            self._plan(found, at, taken)
        return self._take([taken])

    def _take(self, taken: list[Taken]) -> Taking:
        self._look_at(taken)
        return Taking(taken, [self._enqueue(batch, taken) for batch in self._batches(taken)])

    def _planned(self, message: Told) -> Taken:
        taken = Taken()
        try:
            objects = parse(message.body)
        except InputError as error:
            return Taken(troubles=[str(error)])
        for found in objects:
            self._plan(found, message.at, taken)
        return taken

    def _plan(self, found: NewObject, told_at: datetime, taken: Taken) -> None:
        recipe = next((one for one in self._recipes if not one.why_not(found)), None)
        if recipe is None:
            why = self._recipes[0].why_not(found) if len(self._recipes) == 1 else "no recipe takes it"
            taken.left_out.append((found.uri, why))
        elif trouble := recipe.trouble_with(found):
            _leave_out(taken, recipe, found.uri, trouble)
        else:
            try:
                made = recipe.make(found, told_at)
            except InputError as error:
                taken.troubles.append(f"{found.uri}: {error}")
            else:
                self._check(made)
                taken.edits.append(made)

    def _look_at(self, taken: Sequence[Taken]) -> None:
        """Leave out what is no picture, and give edits the sizes that their recipes want."""
        uris = {made.uri for one in taken for made in one.edits}
        looks = look_at(uris, self._store_of)
        for one in taken:
            made_before, one.edits = one.edits, []
            for made in made_before:
                found = looks[made.uri]
                if isinstance(found, StoreRefusedError):
                    one.troubles.append(f"{made.uri}: {found}")
                    one.for_a_person = True
                elif isinstance(found, str):
                    _leave_out(one, made.recipe, made.uri, found)
                else:
                    one.edits.append(made.sized(found))

    def _batches(self, taken: Sequence[Taken]) -> list[tuple[str, Recipe]]:
        return list(dict.fromkeys((made.batch, made.recipe) for one in taken for made in one.edits))

    def _enqueue(self, batch: tuple[str, Recipe], taken: Sequence[Taken]) -> Receipt:
        """Write the edits of a recipe into a batch. Two messages may tell of the same object."""
        of = defaultdict[str, list[Taken]](list)
        edits: dict[str, Made] = {}
        for one in taken:
            for made in one.edits:
                if (made.batch, made.recipe) == batch:
                    of[made.fields["custom_id"]].append(one)
                    edits[made.fields["custom_id"]] = made
        try:
            receipt = self._written(list(edits.values()))
        except (InputError, CancelledError) as error:
            for one in {id(each): each for those in of.values() for each in those}.values():
                one.without(edits, batch[0], str(error))
            return Receipt(batch[0], 0, 0)
        for rejection in receipt.rejected:
            if rejection.errors == [CONFLICT]:
                continue  # the recipe has changed since: the edit is there, and is not paid for twice
            custom_id = rejection.custom_id or ""
            for one in of[custom_id]:
                one.without([custom_id], batch[0], f"{edits[custom_id].uri}: {'; '.join(rejection.errors)}")
        return receipt

    def _written(self, edits: Sequence[Made]) -> Receipt:
        recipe = edits[0].recipe
        times = [made.open_until for made in edits if made.open_until]
        return self._queue.enqueue(
            [made.fields for made in edits],
            batch=edits[0].batch,
            defaults=recipe.shared,
            weight=recipe.weight,
            on_invalid="skip",
            sender=shown(f"{RECIPE}{recipe.name}"),
            open_until=max(times, default=None),
        )


def _leave_out(taken: Taken, recipe: Recipe, uri: str, why: str) -> None:
    if recipe.unusable is Unusable.FAIL:
        taken.troubles.append(f"{uri}: {why}")
    else:
        taken.left_out.append((uri, why))


def look_at(uris: Collection[str], store_of: Callable[[str], RangeStore]) -> dict[str, Size | str | StoreRefusedError]:
    """The size of each picture, why it is none, or that the store refuses. Raises ServiceError if S3 is away."""
    return blocking.run(_looks(uris, store_of)) if uris else {}


async def _looks(
    uris: Iterable[str], store_of: Callable[[str], RangeStore]
) -> dict[str, Size | str | StoreRefusedError]:
    places, found = asyncio.Semaphore(_AT_ONCE), dict[str, Size | str | StoreRefusedError]()

    async def one(uri: str) -> None:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        store = store_of(bucket)
        async with places:
            try:
                found[uri] = await size_in(store, key)
            except BrokenResultError as error:
                found[uri] = str(error).replace("the result", "it", 1)
            except StoreRefusedError as error:
                found[uri] = error
            except StoreError as error:
                raise ServiceError(f"{uri} cannot be read: {error}") from error
            except InputError as error:  # a key that S3's client cannot name
                found[uri] = str(error)

    await blocking.together(one(uri) for uri in uris)
    return found
