"""What images cost, where the price of one is known (``RETOUCH_PRICE``)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple, Self

from retouch.errors import InputError
from retouch.records import PriceRecord

_PRICE = re.compile(r"(\d{1,9}(?:[.,]\d{1,9})?)\s*([A-Za-z]{3}|[$€£¥])")


class Price(NamedTuple):
    """The price of an image, or of some."""

    amount: Decimal
    currency: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read ``0.0035 USD``; None if it is empty. Raises InputError, which names the variable."""
        if not text.strip():
            return None
        found = _PRICE.fullmatch(text.strip())
        if not found:
            raise InputError(f"RETOUCH_PRICE: {text[:40]!r} is not a price of one image, such as 0.0035 USD")
        return cls(Decimal(found[1].replace(",", ".")), found[2].upper())

    def of(self, images: int) -> Self:
        """What so many images cost, to the cent, and to the last digit of the price below that."""
        total = self.amount * images
        cents = total.quantize(Decimal("0.01"))
        return self._replace(amount=cents if cents >= 1 else total.normalize())

    def to_json(self) -> PriceRecord:
        """As programs read it."""
        return {"amount": float(self.amount), "currency": self.currency}

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"
