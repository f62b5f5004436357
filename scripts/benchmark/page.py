"""Where the last run is published: the part of docs/performance.md between two marks."""

from __future__ import annotations

from pathlib import Path

from workers.stack.child import ROOT

PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "performance-bench.png"
BEGIN, END = "<!-- made by scripts/bench --docs: begin -->", "<!-- end -->"


def publish(text: str, page: Path = PAGE) -> None:
    """Put the text, and the picture, in the place of the run before; raises ValueError if the page has no marks."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no {BEGIN} and {END}")
    drawn = f"![The last run in small panels]({PICTURE.name})"
    page.write_text(f"{before}{BEGIN}\n\n{drawn}\n\n```text\n{text}\n```\n\n{END}{after}")
