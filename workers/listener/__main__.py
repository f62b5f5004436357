"""``python -m workers.listener``: new pictures in S3 become edits, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import structlog
import typer

from config.logging import configure
from retouch.environment import Environment, check_aws
from retouch.errors import InputError, RetouchError
from retouch.ledger import Address, Ledger
from retouch.media.stores import kept_store
from retouch.queue import EditQueue
from retouch.triggers.recipe import Recipe
from retouch.triggers.recipe_file import read_recipes
from retouch.triggers.taking import Taker
from workers.listener.listener import Listener
from workers.listener.sqs import TRIES, Queue, Redrive

log = structlog.get_logger()
cli = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
_AWS_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@cli.command()
def run(
    recipe: Annotated[
        list[Path],
        typer.Option(
            envvar="RETOUCH_RECIPES",
            help="File of a recipe, or a folder of them (docs/triggers.md). Of several the first that takes an object"
            " counts.",
        ),
    ],
    queue: Annotated[
        str, typer.Option(envvar="RETOUCH_LISTENER_QUEUE", help="URL of the SQS queue that has the notifications.")
    ],
) -> None:
    """Make edits of new pictures in S3, which a queue of SQS tells of.

    Settings come from the environment, as a producer's do; RETOUCH_BUCKET and RETOUCH_PREFIX must be those of the
    workers. Prints one line of JSON, {"queue": …}, once it listens. Exit code 2: a setting or a recipe is wrong; 6: the
    queue cannot be used.
    """
    try:
        _listen(recipe, queue)
    except RetouchError as error:
        sys.stderr.write(f"listener: {error}\n")
        raise SystemExit(2 if isinstance(error, InputError) else 6) from None
    except KeyboardInterrupt:  # at a moment at which nothing was in hand
        pass


def _listen(paths: Sequence[Path], url: str) -> None:
    settings, source = Environment.read(), Queue(url)
    check_aws()
    if not settings.bucket:
        raise InputError("RETOUCH_BUCKET is missing: results must not make edits of themselves, so it must be known")
    recipes = read_recipes(paths, settings.bucket, settings.prefix)
    address = Address.parse(settings.redis_url)
    redrive = source.redrive()
    if redrive is None:
        raise InputError(
            f"the queue {source.name} has no redrive policy, so what cannot be taken would come again for days: give it"
            f" a queue for such messages, and a maxReceiveCount of {TRIES} (docs/triggers.md#the-queue-of-sqs)"
        )
    configure((*address.secrets, *filter(None, map(os.environ.get, _AWS_SECRETS))))
    ledger = Ledger.from_url(settings.redis_url, namespace=settings.namespace)
    edits = EditQueue(
        ledger,
        private_hosts=settings.private_hosts,
        bucket=settings.bucket,
        prefix=settings.prefix,
        address=address.shown,
    )
    with edits:
        listener = Listener(source, redrive, Taker(edits, recipes, kept_store), ledger.producer.wait_for_disk)
        _tell_start(source, redrive, recipes)
        listener.run()


def _tell_start(source: Queue, redrive: Redrive, recipes: Sequence[Recipe]) -> None:
    names = [recipe.name for recipe in recipes]
    log.info("listener.started", queue=source.name, recipes=names, tries=redrive.tries, given_up_to=redrive.queue)
    sys.stdout.write(json.dumps({"queue": source.url, "recipes": names}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    cli(prog_name="python -m workers.listener")
