"""The list of docs/api.md: every public name of ``retouch``, from its docstring and its signature as they are written.

griffe reads them: maintained, ISC, 1.7 MB and nothing beside it. Its Markdown tools (griffe2md, as pydoc-markdown and
lazydocs) list every module too, 14,000 lines; pdoc and Sphinx make HTML. The page needs little: it is written here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import griffe

from scripts.reference_pages.markdown import table
from workers.stack.child import ROOT

FIRST = ("EditQueue", "Edit", "read_manifest", "Manifest", "Receipt", "Result", "Output", "BatchView")


def names() -> str:
    """An index, and a section for each name."""
    package: Any = griffe.load("retouch", search_paths=[ROOT], resolve_aliases=True)
    exports = [str(name) for name in package.exports]
    exports.sort(key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
    found: dict[str, Any] = {name: package[name].final_target for name in exports}
    index = "\n".join(f"* [{name}](#{name.lower()}): {_first(found[name])}" for name in exports)
    return "\n\n".join([index, *(part for name in exports for part in _named(name, found[name]))])


def _named(name: str, found: Any) -> Iterator[str]:
    yield f"## {name}"
    if found.is_function:
        yield f"```python\n{found.signature(name=name)}\n```\n\n{_text(found)}"
        return
    yield _text(found) + (f"\n\nA kind of `{found.bases[0]}`." if name.endswith("Error") else "")
    if name == "Edit":
        yield "Its fields are those of [fields.md](fields.md)."
    members = _members(found)
    fields = [
        (f"`{each.name}`", _code(each), _first(each)) for each in members if each.is_attribute and _is_field(each)
    ]
    if fields and name != "Edit":
        yield table(("name", "type", "meaning"), fields)
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


def _code(attribute: Any) -> str:
    return f"`{attribute.annotation or attribute.value}`"


def _text(found: Any) -> str:
    text: str = found.docstring.value if found.docstring else ""
    return text.strip().replace("``", "`")


def _first(found: Any) -> str:
    """The first paragraph, on one line."""
    return " ".join(_text(found).partition("\n\n")[0].split())
