"""Makes ``docs/schemas`` from the types in ``retouch/records`` (``scripts/schemas [--check]``)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from retouch.records.batches import BatchesRecord, BatchStatusRecord
from retouch.records.edits import EditRecord, HistoryRecord
from retouch.records.events import EventRecord, UndeliveredRecord
from retouch.records.installation import SinksRecord, StatusRecord
from retouch.records.intake import ReceiptRecord
from retouch.records.jobs import JobsRecord
from retouch.records.keys import AccessKeysRecord
from retouch.records.money import KnownPriceRecord, SpendingRecord
from retouch.records.picks import PicksRecord
from retouch.records.recipes import RecipeCheckRecord, RecipeScanRecord
from retouch.records.results import ResultRecord

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
SHAPES: dict[str, Any] = {
    "result": ResultRecord,
    "event": EventRecord,
    "undelivered-event": UndeliveredRecord,
    "enqueue": ReceiptRecord,
    "status": StatusRecord,
    "status-batch": BatchStatusRecord,
    "batches": BatchesRecord,
    "explain": EditRecord,
    "history": HistoryRecord,
    "jobs": JobsRecord,
    "price": KnownPriceRecord,
    "money": SpendingRecord,
    "sinks": SinksRecord,
    "keys": AccessKeysRecord,
    "picks": PicksRecord,
    "recipe-check": RecipeCheckRecord,
    "recipe-scan": RecipeScanRecord,
}


def main() -> int:
    """Write the files; with ``--check`` only name those that differ, and return 1 if there are any."""
    texts = {FOLDER / f"{name}.json": schema_text(shape) for name, shape in SHAPES.items()}
    stale = sorted({*texts, *FOLDER.glob("*.json")}, key=str)
    stale = [path for path in stale if not path.exists() or path.read_text() != texts.get(path)]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"schemas: {path.name} is not what the types say; run scripts/schemas", file=sys.stderr)
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for path in stale:
        if path in texts:
            path.write_text(texts[path])
        else:
            path.unlink()
    return 0


def schema_text(shape: Any) -> str:
    """The JSON Schema of a type, without the titles that only repeat the names."""
    schema = _without_titles(TypeAdapter(shape).json_schema(mode="serialization"))
    return json.dumps({"$schema": DIALECT, **schema}, indent=2) + "\n"


def _without_titles(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_titles(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {key: _without_titles(value) for key, value in node.items() if key != "title" or not isinstance(value, str)}


if __name__ == "__main__":
    sys.exit(main())
