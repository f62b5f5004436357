"""Makes ``docs/schemas`` from the types in ``retouch/records.py`` (``scripts/schemas [--check]``)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from retouch import records

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
SHAPES: dict[str, Any] = {
    "result": records.ResultRecord,
    "event": records.EventRecord,
    "undelivered-event": records.UndeliveredRecord,
    "enqueue": records.ReceiptRecord,
    "status": records.StatusRecord,
    "status-batch": records.BatchStatusRecord,
    "batches": records.BatchesRecord,
    "explain": records.EditRecord,
    "history": records.HistoryRecord,
    "jobs": records.JobsRecord,
    "price": records.KnownPriceRecord,
    "money": records.SpendingRecord,
    "sinks": records.SinksRecord,
    "keys": records.AccessKeysRecord,
    "picks": records.PicksRecord,
    "recipe-check": records.RecipeCheckRecord,
    "recipe-scan": records.RecipeScanRecord,
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
