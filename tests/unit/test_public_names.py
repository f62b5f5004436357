"""What ``retouch`` exports explains itself."""

from __future__ import annotations

import inspect
import pydoc
import re
import sys
from pathlib import Path

import pytest

import retouch
from retouch import Edit
from tests.harness.processes import run


@pytest.mark.parametrize("name", retouch.__all__)
def test_every_public_name_explains_itself(name: str) -> None:
    """With a docstring of its own, for each of its methods and properties too, which help() shows."""
    found = getattr(retouch, name)
    assert found.__doc__
    assert (found.__module__, found.__doc__) != ("builtins", dict.__doc__)
    own = {key: member for key, member in vars(found).items() if not key.startswith("_")}
    methods = [key for key, each in own.items() if inspect.isroutine(each) or isinstance(each, property | classmethod)]
    assert [key for key in methods if not inspect.getdoc(getattr(found, key))] == []
    shown = pydoc.plain(pydoc.render_doc(found))
    assert found.__doc__.split()[0] in shown


def test_help_and_schema_explain_every_field_of_an_edit() -> None:
    """With its range; in the same words."""
    shown = pydoc.plain(pydoc.render_doc(Edit))
    properties = Edit.model_json_schema()["properties"]
    for name, field in Edit.model_fields.items():
        assert re.match(r"[A-Z].*[\w.-]$", field.description or "")
        assert f"{name} (" in shown
        assert f": {field.description}" in shown
        assert properties[name]["description"] == field.description
    assert "num_inference_steps (whole number, 1 to 100; default: the API's, 20)" in shown


@pytest.mark.slow
def test_the_types_are_for_everyone(tmp_path: Path) -> None:
    """A type checker of a user's program finds them, for frames too."""
    program = tmp_path / "program.py"
    program.write_text(
        "from collections.abc import Iterator\nfrom typing import Any\nfrom retouch import Edit, EditQueue, Receipt\n"
        "class Frame:\n    columns: list[str]\n"
        "def edits() -> Iterator[Edit]:\n    raise NotImplementedError\n"
        "def program(queue: EditQueue) -> Receipt:\n"
        "    queue.enqueue(edits(), batch='b')\n    queue.enqueue([{'custom_id': 'a'}], batch='b')\n"
        "    queue.enqueue(Frame(), batch='b')\n    queue.enqueue([Frame()], batch='b')\n"
        "    queue.enqueue(7, batch='b')\n"
        "    return queue.enqueue([], batch='b', on_invalid='ignore')\n"
    )
    checked = run([sys.executable, "-m", "mypy", "--strict", "--no-incremental", str(program)])
    assert re.findall(r"program.py:(\d+): error", checked.out) == ["13", "14"]
