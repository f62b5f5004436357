"""The table of docs/testing.md."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.mutation.mutations import ROOT, Mutation

PAGE = ROOT / "docs" / "testing.md"
BEGIN, END = "<!-- made by scripts/mutate --write -->\n", "<!-- end -->\n"

Result = tuple[Mutation, str | None]  # the test that noticed it, None if none did


def table(results: Sequence[Result]) -> str:
    """The score, and a row for each mutation."""
    survivors = sum(found is None for _, found in results)
    caught = len(results) - survivors
    rows = [f"| {mutation.bug} | `{mutation.file}` | {_outcome(mutation, found)} |" for mutation, found in results]
    head = f"{caught} of {len(results)} planted bugs are noticed, {survivors} stay unnoticed."
    return "\n".join([head, "", "| planted bug | in | noticed by |", "| --- | --- | --- |", *rows, ""])


def write(tables: str) -> None:
    """Put the table in place of the last run's."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{tables}\n{END}{rest.partition(END)[2]}")


def _outcome(mutation: Mutation, found: str | None) -> str:
    if found is None:
        return f"**nothing**: {mutation.survives or 'no reason is known'}"
    path, _, test = found.rpartition("/")[2].rpartition("::")
    return f"{path}: `{test}`" if path else found
