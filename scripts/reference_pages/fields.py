"""The table of docs/fields.md: from the model of an edit."""

from __future__ import annotations

from retouch.edit import Edit
from retouch.edit_fields import notes
from scripts.reference_pages.markdown import table


def fields() -> str:
    """Every field, the required ones first."""
    rows = ((f"`{one.name}`", one.kind, one.default, one.description) for one in notes(Edit.model_fields))
    return table(("field", "type and range", "default", "meaning"), rows)
