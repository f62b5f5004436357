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
from scripts.mutation.page import PAGE, Result, table, write

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
    options = _options()
    try:
        for mutation in options.only:
            mutation.planted()
        if options.list:
            print("\n".join(f"{mutation.name}: {mutation.bug}" for mutation in options.only))
            return 0
        results = _results(options.only, options.jobs)
    except (StaleError, BrokenRunError) as error:
        print(f"mutate: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(table(results))
    if options.write:
        write(table(results))
    return 1 if any(found is None and not mutation.survives for mutation, found in results) else 0


def _results(mutations: Sequence[Mutation], jobs: int) -> list[Result]:
    with TemporaryDirectory(prefix="mutate-") as folder, ThreadPoolExecutor(jobs) as pool:
        sound = Checkout.of_tracked_files(ROOT, Path(folder) / "sound")
        _must_pass(sound, sorted({test for mutation in (*mutations, CANARY) for test in mutation.tests}))
        if _noticed(sound, CANARY, CANARY.tests, FIRST_LIMIT_S) is None:
            raise BrokenRunError("a bug that must be noticed was not: the tests do not run the copy")
        found = _each(pool, sound, mutations)
        if left := [mutation for mutation in mutations if found[mutation.name] is None]:
            _must_pass(sound, FAST)
            found |= _each(pool, sound, left, whole=True)
        return [(mutation, found[mutation.name]) for mutation in mutations]


def _each(
    pool: ThreadPoolExecutor, sound: Checkout, mutations: Sequence[Mutation], *, whole: bool = False
) -> dict[str, str | None]:
    """The test that noticed each mutation: one of those that it names, or of the whole fast set."""

    def noticed(mutation: Mutation) -> str | None:
        tests, limit_s = (FAST, WHOLE_LIMIT_S) if whole else (mutation.tests, FIRST_LIMIT_S)
        return _noticed(sound, mutation, tests, limit_s)

    return dict(zip((mutation.name for mutation in mutations), pool.map(noticed, mutations), strict=True))


def _must_pass(sound: Checkout, tests: Sequence[str]) -> None:
    if failed := sound.found_by(tests, WHOLE_LIMIT_S):
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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/mutate", description="Plant bugs; the fast tests must notice them.")
    every = {mutation.name: mutation for mutation in load()}
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="mutations tried at a time; default 2")
    parser.add_argument("--only", nargs="+", choices=every, default=list(every), metavar="NAME", help="some of them")
    parser.add_argument("--list", action="store_true", help="print their names and what each is, and try none")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    options.only = [every[name] for name in options.only]
    if options.write and len(options.only) < len(every):
        parser.error("--write is for a run of all mutations")
    return options


if __name__ == "__main__":
    sys.exit(main())
