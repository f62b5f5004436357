"""The edits that all versions get."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Work:
    """``count`` edits of one image each. ``distinct``: each has a prompt of its own, else all share one."""

    batch: str
    count: int
    distinct: bool = True

    def edits(self) -> Iterator[dict[str, Any]]:
        """The edits without a name, as the API takes them."""
        for number in range(self.count):
            study = f", study {number}" if self.distinct else ""
            yield {
                "model_id": "sd1.5",
                "prompt": f"an oil painting of hills at sunset, thick impasto strokes{study}",
                "negative_prompt": "blurry, low quality, watermark",
                "init_image": "https://images.example.com/house.jpg",
                "num_inference_steps": 25,
                "strength": 0.75,
                "guidance_scale": 7.5,
                "width": 512,
                "height": 512,
                "seed": number,
            }

    def keyed(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The edits with the key that their images lie under, as the peers take them."""
        for number, edit in enumerate(self.edits()):
            yield f"{self.batch}/{number}", edit

    def named(self) -> Iterator[dict[str, Any]]:
        """The edits with their ``custom_id``, as a producer hands them in."""
        for number, edit in enumerate(self.edits()):
            yield {"custom_id": f"edit-{number:06d}", **edit}

    def write_manifest(self, path: Path) -> None:
        """Write the edits as a manifest, one a line."""
        with path.open("w") as file:
            file.writelines(f"{json.dumps(edit)}\n" for edit in self.named())
