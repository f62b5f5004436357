"""From a prompt to what the UNet is told of it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch

from retouch import tokens
from workers.endpoint.diffusion.precision import Precision

START, END = 49_406, 49_407  # the marks around a text; the end mark also fills what is left of the 77 places
PLACES = tokens.MAX_TOKENS + 2
KEPT = 256  # embeddings, of 116 to 231 kB each


def places(text: str) -> list[int]:
    """The numbers in the 77 places; a text of more than 75 tokens is cut."""
    inner = tokens.ids(text)[: tokens.MAX_TOKENS]
    return [START, *inner, *[END] * (PLACES - 1 - len(inner))]


class Prompts:
    """The embeddings of texts, the latest of them kept: the edits of a batch often share their prompt."""

    def __init__(self, text_model: Any, precision: Precision) -> None:
        self._model = text_model
        self._precision = precision
        self._kept: OrderedDict[str, Any] = OrderedDict()

    def embedding(self, text: str) -> Any:
        """Return the embedding, of shape (1, 77, width); raises RenderError ``nan``.

        One text a call, so that the same text gives the same bits.
        """
        if text not in self._kept:
            ids = torch.tensor([places(text)], device=self._precision.device)
            self._kept[text] = self._precision.finite(self._model, lambda _dtype: self._model(ids)[0])
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(text)
        return self._kept[text]
