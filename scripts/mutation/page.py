"""The table of docs/testing.md."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from scripts.mutation.mutations import ROOT, Mutation

PAGE = ROOT / "docs" / "testing.md"
BEGIN, END = "<!-- made by scripts/mutate --write -->\n", "<!-- end -->\n"
UNNOTICED = "**nothing**"
_ROW = re.compile(r"^(\| .* \| `[^`]+` \| )(.*) \|$", re.MULTILINE)

Result = tuple[Mutation, str | None]  # the test that noticed it, None if none did
Outcomes = Mapping[str, str]  # name of a mutation → what its row says of it


def outcome(mutation: Mutation, found: str | None) -> str:
    """What the row of a mutation says."""
    if found is None:
        return f"{UNNOTICED}: {mutation.survives or 'no reason is known'}"
    path, _, test = found.rpartition("/")[2].rpartition("::")
    return f"{path}: `{test}`" if path else found


def table(mutations: Sequence[Mutation], outcomes: Outcomes) -> str:
    """The score, and a row for each mutation that was tried."""
    tried = [mutation for mutation in mutations if mutation.name in outcomes]
    survivors = sum(outcomes[mutation.name].startswith(UNNOTICED) for mutation in tried)
    head = f"{len(tried) - survivors} of {len(tried)} planted bugs are noticed, {survivors} stay unnoticed."
    if untried := len(mutations) - len(tried):
        head += f" {untried} of all {len(mutations)} have not been tried yet."
    rows = [f"{_start(mutation)}{outcomes[mutation.name]} |" for mutation in tried]
    return "\n".join([head, "", "| planted bug | in | noticed by |", "| --- | --- | --- |", *rows, ""])


def write(tables: str) -> None:
    """Put the table in place of the last run's."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{tables}\n{END}{rest.partition(END)[2]}")


def read(mutations: Sequence[Mutation]) -> dict[str, str]:
    """What the page says of those of the mutations that it has."""
    rows = dict(_ROW.findall(PAGE.read_text().partition(BEGIN)[2].partition(END)[0]))
    return {mutation.name: rows[_start(mutation)] for mutation in mutations if _start(mutation) in rows}


def _start(mutation: Mutation) -> str:
    return f"| {mutation.bug} | `{mutation.file}` | "
