"""Writes docs/api.md: every public name of ``retouch``, from its docstring and its signature as they are written.

griffe reads them: maintained, ISC, 1.7 MB and nothing beside it. Its Markdown tools (griffe2md, as pydoc-markdown and
lazydocs) list every module too, 14,000 lines; pdoc and Sphinx make HTML. The page needs little: it is written here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import griffe

from retouch.edit import Edit
from retouch.edit_fields import notes
from workers.stack.child import ROOT

PAGE = ROOT / "docs" / "api.md"
FIRST = ("EditQueue", "Edit", "read_manifest", "Manifest", "Receipt", "Result", "Output", "BatchView")
HEAD = """# Python: all public names

Made from the docstrings by `scripts/reference`: change those, not this page. [producers.md](producers.md) shows how the
names are used. All of them are imported from `retouch`.
"""


def page() -> str:
    """The whole page."""
    package: Any = griffe.load("retouch", search_paths=[ROOT], resolve_aliases=True)
    exports = [str(name) for name in package.exports]
    names = sorted(exports, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
    found: dict[str, Any] = {name: package[name].final_target for name in names}
    index = "\n".join(f"* [{name}](#{name.lower()}): {_first(found[name])}" for name in names)
    return "\n\n".join([HEAD.strip(), index, *(part for name in names for part in _named(name, found[name]))]) + "\n"


def _named(name: str, found: Any) -> Iterator[str]:
    yield f"## {name}"
    if found.is_function:
        yield f"```python\n{found.signature(name=name)}\n```\n\n{_text(found)}"
        return
    yield _text(found) + (f"\n\nA kind of `{found.bases[0]}`." if name.endswith("Error") else "")
    if name == "Edit":
        yield _table([(note.name, note.kind, note.description) for note in notes(Edit.model_fields)])
    members = _members(found)
    fields = [(each.name, _code(each), _first(each)) for each in members if each.is_attribute and _is_field(each)]
    if fields and name != "Edit":
        yield _table(fields)
    for each in members:
        if each.is_function:
            yield f"### {name}.{each.name}\n\n```python\n{each.signature(name=each.name)}\n```\n\n{_text(each)}"


def _members(found: Any) -> list[Any]:
    """The public members, its own first, then those of its nearest base. (griffe types them as what any object has.)"""
    names = dict.fromkeys(name for each in [found, *found.mro()] for name in each.members)
    public = [name for name in names if not name.startswith("_")]
    return [each.final_target if each.is_alias else each for each in map(found.all_members.__getitem__, public)]


def _is_field(attribute: Any) -> bool:
    labels: set[str] = attribute.labels
    return attribute.annotation is not None or not {"property", "class-attribute"}.isdisjoint(labels)


def _table(rows: list[tuple[str, str, str]]) -> str:
    lines = ["| name | type | meaning |", "| --- | --- | --- |"]
    return "\n".join(lines + [f"| `{name}` | {kind} | {text} |" for name, kind, text in rows])


def _code(attribute: Any) -> str:
    return f"`{attribute.annotation or attribute.value}`".replace("|", "\\|")


def _text(found: Any) -> str:
    text: str = found.docstring.value if found.docstring else ""
    return text.strip().replace("``", "`")


def _first(found: Any) -> str:
    """The first paragraph, on one line."""
    return " ".join(_text(found).partition("\n\n")[0].split()).replace("|", "\\|")


def main() -> None:
    """Write the page; with ``--check`` tell whether it is current."""
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if PAGE.read_text() == page() else "docs/api.md is not current: run scripts/reference")
    if sys.argv[1:]:
        sys.exit("usage: scripts/reference [--check]")
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
