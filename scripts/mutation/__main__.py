"""``python -m scripts.mutation``: see ``scripts/mutate``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.mutation.checkout import FAST, FIRST_LIMIT_S, WHOLE_LIMIT_S, BrokenRunError, Checkout
from scripts.mutation.mutations import ROOT, Mutation, StaleError, load
from scripts.mutation.page import PAGE, Result, outcome, read, table, write

# What a process started by a test imports is broken: unless this is noticed, the tests look at other files.
CANARY = Mutation(
    "canary",
    "retouch/__main__.py",
    "from __future__ import annotations",
    "from __future__ import annotations\n\nraise SystemExit(99)",
    "The command line ends at once.",
    ["tests/unit/cli/test_signals.py"],
)


def main() -> int:
    """Plant each mutation and print what became of it; returns 0 if all were noticed or are explained, else 1."""
    every = load()
    options = _options(every)
    outcomes, left = options.known, False
    try:
        for mutation in options.only:
            mutation.planted()
        if options.list:
            print("\n".join(f"{mutation.name}: {mutation.bug}" for mutation in options.only))
            return 0
        for mutation, found in _results(options.only, options.jobs):
            outcomes[mutation.name] = outcome(mutation, found)
            left |= found is None and not mutation.survives
            if options.write:
                write(table(every, outcomes))
    except (StaleError, BrokenRunError) as error:
        print(f"mutate: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(table(options.only, outcomes))
    return int(left)


def _results(mutations: Sequence[Mutation], jobs: int) -> Iterator[Result]:
    """Each mutation and what noticed it, as soon as that is known."""
    if not mutations:
        return
    with TemporaryDirectory(prefix="mutate-") as folder, ThreadPoolExecutor(jobs) as pool:
        sound = Checkout.of_tracked_files(ROOT, Path(folder) / "sound")
        _must_pass(sound, sorted({test for mutation in (*mutations, CANARY) for test in mutation.tests}), jobs)
        if _noticed(sound, CANARY, CANARY.tests, FIRST_LIMIT_S) is None:
            raise BrokenRunError("a bug that must be noticed was not: the tests do not run the copy")
        left: list[Mutation] = []
        for mutation, found in _each(pool, sound, mutations):
            if found:
                yield mutation, found
            else:
                left.append(mutation)
        if left:
            _must_pass(sound, FAST, jobs)
            yield from _each(pool, sound, left, whole=True)


def _each(
    pool: ThreadPoolExecutor, sound: Checkout, mutations: Sequence[Mutation], *, whole: bool = False
) -> Iterator[Result]:
    """The test that noticed each mutation: one of those that it names, or of the whole fast set."""

    def noticed(mutation: Mutation) -> str | None:
        tests, limit_s = (FAST, WHOLE_LIMIT_S) if whole else (mutation.tests, FIRST_LIMIT_S)
        return _noticed(sound, mutation, tests, limit_s)

    return zip(mutations, pool.map(noticed, mutations), strict=True)


def _must_pass(sound: Checkout, tests: Sequence[str], jobs: int) -> None:
    if failed := sound.found_by(tests, WHOLE_LIMIT_S, jobs):
        raise BrokenRunError(f"without any mutation a test fails: {failed}")


def _noticed(sound: Checkout, mutation: Mutation, tests: Sequence[str], limit_s: float) -> str | None:
    with _planted(sound, mutation) as checkout:
        try:
            found = checkout.found_by(tests, limit_s)
        except BrokenRunError as error:
            raise BrokenRunError(f"{mutation.name}: {error}") from None
    print(f"{mutation.name}: {found or 'not noticed by ' + ', '.join(tests)}", file=sys.stderr, flush=True)
    return found


@contextmanager
def _planted(sound: Checkout, mutation: Mutation) -> Iterator[Checkout]:
    with TemporaryDirectory(prefix=f"mutate-{mutation.name}-") as folder:
        checkout = sound.copy(Path(folder) / "copy")
        (checkout.root / mutation.file).write_text(mutation.planted(sound.root))
        yield checkout


def _options(mutations: Sequence[Mutation]) -> argparse.Namespace:
    """Of the command line; ``only`` are the mutations to try, ``known`` what the page says and keeps of the others."""
    parser = argparse.ArgumentParser(prog="scripts/mutate", description="Plant bugs; the fast tests must notice them.")
    every = {mutation.name: mutation for mutation in mutations}
    some = parser.add_mutually_exclusive_group()
    some.add_argument("--only", nargs="+", choices=every, metavar="NAME", help="some of them")
    some.add_argument("--untried", action="store_true", help=f"those that have no row in {PAGE.relative_to(ROOT)}")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="mutations tried at a time; default 2")
    parser.add_argument("--list", action="store_true", help="print their names and what each is, and try none")
    parser.add_argument(
        "--write", action="store_true", help="put their rows into that page, one by one as they are made"
    )
    options = parser.parse_args()
    options.known = read(mutations) if options.only or options.untried else {}
    names = [name for name in every if name not in options.known] if options.untried else options.only or every
    options.only = [every[name] for name in names]
    return options


if __name__ == "__main__":
    sys.exit(main())
