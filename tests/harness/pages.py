"""What the pages of the project hold: blocks of code, code between backticks, headings and links."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

from workers.stack.child import ROOT

# What is seen (```sh), and what a page takes for granted: a comment, `<!-- sh`, whose commands are run with the others.
_BLOCK = re.compile(
    r"^ *```(?P<info>.*)\n(?P<text>(?:.*\n)*?) *```$|^<!-- sh\n(?P<hidden>(?:.*\n)*?)-->$", re.MULTILINE
)
_HEADING = re.compile(r"^#+ +(.*?)[ #]*$", re.MULTILINE)


class Block(NamedTuple):
    """A block of code: ``line`` is that of its first line in the page, from 1.

    ``file`` is the name that stands behind the language: readers save the block under it.
    """

    line: int
    language: str
    file: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Its lines; those that end in ``\\`` with the next one."""
        return re.split(r"(?<!\\)\n", self.text)


def pages() -> list[Path]:
    """Every page: those in the root, and all below docs/."""
    return [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]


def blocks(page: str) -> list[Block]:
    """The blocks of a page, in its order."""
    found = []
    for match in _BLOCK.finditer(page):
        part = "text" if match["hidden"] is None else "hidden"
        language, _, file = ("sh" if part == "hidden" else match["info"]).strip().partition(" ")
        found.append(Block(page.count("\n", 0, match.start(part)) + 1, language, file.strip(), dedent(match[part])))
    return found


def prose(page: str) -> str:
    """The page without its blocks, in as many lines."""
    return _BLOCK.sub(lambda match: "\n" * match[0].count("\n"), page)


def inline_code(page: str) -> Iterator[tuple[int, str]]:
    """What stands between backticks, with its line; in tables ``\\|`` is ``|``."""
    text = prose(page)
    for match in re.finditer(r"(`+)(.+?)\1", text, re.DOTALL):
        yield text.count("\n", 0, match.start()) + 1, " ".join(match[2].replace("\\|", "|").split())


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    times: Counter[str] = Counter()
    for heading in _HEADING.findall(prose(page)):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found.add(f"{slug}-{times[slug]}" if times[slug] else slug)
        times[slug] += 1
    return found


def links(page: str) -> Iterator[tuple[str, str]]:
    """The page's links to pages and files of the project: path (empty: this page) and anchor."""
    for target in re.findall(r"\]\((?![a-z]+:)([^)\s]+)\)", prose(page)):
        path, _, anchor = target.partition("#")
        yield path, anchor
