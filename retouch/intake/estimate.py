"""How much work a batch is for the API: edits, images, UNet steps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from retouch.edit import Edit
from retouch.edit_fields import API_DEFAULTS
from retouch.plural import count
from retouch.price import Price
from retouch.records.intake import EstimateRecord


@dataclass(slots=True)
class Estimate:
    """Sums over edits; a field that is not set counts with the API's default."""

    edits: int = 0
    images: int = 0
    unet_steps: int = 0
    price: Price | None = None  # of one image
    equal: int = 0  # edits that are equal to another one but for their custom_id
    _warnings: Counter[str] = field(default_factory=Counter)

    def add(self, edit: Edit) -> None:
        """Count one edit; img2img runs only ``steps x strength`` of the steps."""
        value = API_DEFAULTS | edit.fields
        steps = value["num_inference_steps"]
        self.edits += 1
        self.images += value["samples"]
        self.unet_steps += value["samples"] * min(int(steps * value["strength"]), steps)
        self._warnings.update(edit.warnings)

    def warnings(self) -> list[str]:
        """The five most frequent warnings, each with the number of its edits."""
        return [f"{text} ({count(n, 'edit')})" for text, n in self._warnings.most_common(5)]

    def to_json(self) -> EstimateRecord:
        """The sums, as ``--dry-run --json`` prints them."""
        return {
            "edits": self.edits,
            "images": self.images,
            "unet_steps": self.unet_steps,
            "equal_edits": self.equal,
            "price": self.price.of(self.images).to_json() if self.price else None,
        }

    def __str__(self) -> str:
        parts = (self.edits, "edit"), (self.images, "image"), (self.unet_steps, "UNet step")
        price = f", about {self.price.of(self.images)}" if self.price else ""
        return ", ".join(count(number, noun) for number, noun in parts) + price
