"""Write the made parts of the pages; with ``--check`` tell which pages are not current."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from scripts.reference_pages import commands, fields, names
from workers.stack.child import ROOT

DOCS = ROOT / "docs"
PAGES = ("api.md", "fields.md", "cli.md")
MADE: dict[str, Callable[[], str]] = {
    "names": names.names,
    "fields": fields.fields,
    "index": commands.index,
    "commands": commands.commands,
    "exit codes": commands.exit_codes,
    "variables": commands.variables,
}
_PLACE = re.compile(r"(?<=<!-- made: )([\w ]+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)


def current(page: str) -> str:
    """The text of a page with its made parts made again; raises KeyError for a part that is not known."""
    return _PLACE.sub(lambda found: f"{found[1]}{found[2]}\n{MADE[found[1]]()}\n\n", (DOCS / page).read_text())


def main() -> None:
    """Read the arguments."""
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit("usage: scripts/reference [--check]")
    stale = {page: text for page in PAGES if (text := current(page)) != (DOCS / page).read_text()}
    if sys.argv[1:]:
        sys.exit(f"not current: docs/{', docs/'.join(stale)}; run scripts/reference" if stale else 0)
    for page, text in stale.items():
        (DOCS / page).write_text(text)


if __name__ == "__main__":
    main()
