"""``retouch recipe scan``: all that lies in a bucket, taken as if it were new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import typer

from retouch.bucket_names import check_address
from retouch.cli.options import open_queue
from retouch.cli.receipt import DISK_NOTE, SHOWN
from retouch.cli.terminal import ExitCode, emit, say
from retouch.errors import InputError, ServiceError
from retouch.media.stores import kept_store
from retouch.plural import count, were
from retouch.records.recipes import LeftOutRecord, RecipeScanRecord
from retouch.triggers.recipe import Recipe
from retouch.triggers.scanning import matching, seen
from retouch.triggers.taking import Taker, Taking


def folder_of(own: Recipe, address: str) -> str:
    """The folder that is meant; without an address, that of all keys which the recipe takes. Raises InputError."""
    if not address:
        return own.pattern.head.rpartition("/")[0] + "/" * ("/" in own.pattern.head)
    bucket, _, folder = check_address(address).removeprefix("s3://").partition("/")
    if bucket != own.bucket:
        raise InputError(f"{address[:200]}: the recipe {own.name} is for the bucket {own.bucket}")
    if folder and not folder.endswith("/"):
        raise InputError(f"{address[:200]} must be a folder, with a / at its end")
    return folder


@dataclass
class _Tally:
    """What has come of a scan so far."""

    objects: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    already: Counter[str] = field(default_factory=Counter)
    left_out: list[LeftOutRecord] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    on_disk: bool = True

    def add(self, taking: Taking) -> None:
        for receipt in taking.receipts:
            if receipt.written:
                self.accepted[receipt.batch] += receipt.accepted
                self.already[receipt.batch] += receipt.already
                self.on_disk &= receipt.on_disk
        for taken in taking.messages:
            self.left_out += [{"uri": uri, "reason": reason} for uri, reason in taken.left_out]
            self.refused += taken.troubles

    def record(self, own: Recipe, place: str) -> RecipeScanRecord:
        return {
            "place": place,
            "recipe": own.name,
            "objects": self.objects,
            "batches": [
                {"batch": name, "accepted": number, "already": self.already[name]}
                for name, number in self.accepted.items()
            ],
            "left_out": self.left_out,
            "refused": self.refused,
        }


def scan(own: Recipe, folder: str, redis_url: str | None, as_json: bool) -> None:
    """Take the objects below a folder that the recipe takes, and tell; without ``redis_url`` only count them."""
    tally, place = _Tally(), f"s3://{own.bucket}/{folder}"
    keys = matching(kept_store(own.bucket), own, folder)
    if redis_url is None:
        tally.objects = sum(map(len, keys))
        say(f"{place}: {count(tally.objects, 'object')} that {own.name} takes; nothing was enqueued (--dry-run)")
    else:
        for page, taking in _taken(own, keys, redis_url):
            tally.objects += page
            tally.add(taking)
            say(f"{place}: {count(tally.objects, 'object')}, {sum(tally.accepted.values()):,} new")
        _tell(tally, place)
    if as_json:
        emit(tally.record(own, place))
    if tally.refused:
        raise typer.Exit(ExitCode.INPUT)


def _taken(own: Recipe, keys: Iterator[list[str]], redis_url: str) -> Iterator[tuple[int, Taking]]:
    """What became of each page, and how many objects it had."""
    with open_queue(redis_url) as queue:
        taker = Taker(queue, [own], kept_store)
        for page in keys:
            taking = taker.take_objects(seen(kept_store(own.bucket), own.bucket, page), datetime.now(UTC))
            [taken] = taking.messages
            if taken.for_a_person:
                raise ServiceError(taken.trouble)
            yield len(page), taking


def _tell(tally: _Tally, place: str) -> None:
    if not tally.objects:
        say(f"{place} has no object that the recipe takes")
    for batch, accepted in tally.accepted.items():
        already = tally.already[batch]
        say(f"batch {batch}: {count(accepted, 'edit')} accepted, {already:,} {were(already)} already there")
    reasons = [*(f"{one['uri']}: {one['reason']}" for one in tally.left_out), *tally.refused]
    for reason in reasons[:SHOWN]:
        say(f"no edit: {reason}")
    if len(reasons) > SHOWN:
        say(f"and {len(reasons) - SHOWN:,} more (--json has all)")
    if not tally.on_disk:
        say(DISK_NOTE)
