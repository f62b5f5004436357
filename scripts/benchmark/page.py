"""Where the last runs are published: parts of docs/performance.md, each between two marks."""

from __future__ import annotations

from pathlib import Path

from workers.stack.child import ROOT

PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "performance-bench.png"
ENGINE = {  # by whether it is a GPU: a run on a CPU shall not take the place of one on a GPU
    on_gpu: f"<!-- made by scripts/bench --engine --docs on a {where}: begin -->"
    for on_gpu, where in ((False, "CPU"), (True, "GPU"))
}
GATEWAY = "<!-- made by scripts/bench --gateway --docs: begin -->"
BROWSER = "<!-- made by scripts/bench --page --docs: begin -->"
BEGIN, END = "<!-- made by scripts/bench --docs: begin -->", "<!-- end -->"


def publish(text: str, page: Path = PAGE) -> None:
    """Put the text, and the picture, in the place of the run before; raises ValueError if the page has no marks."""
    put(f"![The last run in small panels]({PICTURE.name})\n\n```text\n{text}\n```", BEGIN, page)


def put(markdown: str, mark: str, page: Path = PAGE) -> None:
    """Put this between the mark and the end that follows it; raises ValueError if the page has not both."""
    before, begin, rest = page.read_text().partition(mark)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no {mark} and {END}")
    page.write_text(f"{before}{mark}\n\n{markdown}\n\n{END}{after}")
