"""The descriptions of a record's fields: the text below each, which becomes part of its JSON Schema.

pydantic's ``use_attribute_docstrings`` reads them whenever it learns a shape, for which Python 3.11 parses the whole
file anew: most of the time that a gateway takes to start. Here a file is parsed once a schema is asked for.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import ConfigDict, with_config


@cache
def _texts(module: str) -> dict[str, dict[str, str]]:
    """What stands below the fields of the classes of a module: class, field, text."""
    nodes = ast.parse(inspect.getsource(sys.modules[module])).body
    return {node.name: dict(_below(node.body)) for node in nodes if isinstance(node, ast.ClassDef)}


def _below(fields: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for pair in pairwise(fields):
        match pair:
            case ast.AnnAssign(target=ast.Name(id=field)), ast.Expr(value=ast.Constant(value=str(text))):
                yield field, inspect.cleandoc(text)


def _describe(schema: dict[str, Any], record: type) -> None:
    """Write into a record's schema what stands below the fields of its own."""
    for field, text in _texts(record.__module__)[record.__name__].items():
        schema["properties"][field]["description"] = text


described = with_config(ConfigDict(json_schema_extra=_describe))
