"""Which look a prompt asks for: words that everybody uses first, else the prompt's hash decides."""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass

from PIL import Image

from workers.endpoint import techniques
from workers.endpoint.techniques import Palette, Technique

PALETTES: dict[str, Palette] = {  # from dark to light
    "ember": ((38, 16, 44), (142, 32, 58), (236, 104, 52), (253, 186, 84), (255, 240, 205)),
    "lagoon": ((8, 24, 48), (12, 78, 104), (32, 148, 150), (138, 214, 190), (240, 252, 238)),
    "frost": ((22, 32, 62), (62, 96, 146), (126, 172, 208), (196, 222, 238), (250, 252, 255)),
    "forest": ((18, 30, 24), (40, 78, 52), (112, 140, 66), (206, 190, 110), (250, 244, 216)),
    "autumn": ((42, 20, 18), (122, 48, 28), (198, 98, 34), (230, 168, 66), (252, 238, 206)),
    "neon": ((14, 6, 40), (92, 16, 130), (236, 30, 144), (44, 202, 240), (240, 250, 255)),
    "rose": ((44, 22, 52), (124, 50, 96), (214, 104, 126), (246, 178, 168), (255, 242, 232)),
    "sepia": ((34, 22, 16), (96, 66, 44), (164, 124, 84), (216, 186, 142), (252, 244, 226)),
    "ink": ((18, 20, 28), (62, 66, 78), (124, 126, 132), (196, 194, 188), (250, 248, 240)),
}

TECHNIQUES: dict[str, Technique] = {
    "brush": techniques.brush,
    "watercolour": techniques.watercolour,
    "facets": techniques.facets,
    "dots": techniques.dots,
    "poster": techniques.poster,
    "sketch": techniques.sketch,
    "film": techniques.film,
    "glow": techniques.glow,
}

_TECHNIQUE_WORDS = {
    "brush": "oil paint painting painted brush impasto impressionist impressionism gogh monet canvas",
    "watercolour": "watercolour watercolor aquarelle wash ghibli gouache",
    "facets": "low-poly poly polygon geometric origami facets crystal cubist cubism stained mosaic",
    "dots": "dots halftone comic pointillism pointillist stipple lichtenstein",
    "poster": "poster print screenprint pop-art pop warhol vector flat graphic stencil",
    "sketch": "sketch pencil drawing charcoal ink graphite lineart engraving etching",
    "film": "film photo photograph photography vintage analog analogue cinematic portrait retro sepia",
    "glow": "neon cyberpunk glow glowing synthwave night futuristic sci-fi aurora",
}
_PALETTE_WORDS = {
    "ember": "sunset sunrise dusk dawn golden fire warm desert mars",
    "lagoon": "sea ocean water underwater teal lagoon tropical beach",
    "frost": "winter snow snowy ice frozen frost cold arctic",
    "forest": "forest green jungle moss spring garden nature",
    "autumn": "autumn fall october rust harvest",
    "neon": "neon cyberpunk synthwave futuristic vaporwave aurora",
    "rose": "rose pink romantic blossom cherry pastel",
    "sepia": "sepia vintage antique old retro",
    "ink": "ink charcoal pencil noir monochrome graphite black",
}


@dataclass(frozen=True)
class Look:
    """A technique and its colours."""

    technique: str
    palette: str

    def apply(self, image: Image.Image, strength: float, seed: str) -> Image.Image:
        """Return ``image`` with this look; ``strength`` 0 leaves it as it is."""
        if strength == 0:
            return image
        rng = random.Random(f"{seed}/{self.technique}")
        styled = TECHNIQUES[self.technique](image, PALETTES[self.palette], rng)
        return Image.blend(image, styled, min(1.0, 0.15 + strength))


def choose(prompt: str) -> Look:
    """Return the look that the prompt asks for."""
    digest = hashlib.blake2b(prompt.encode(), digest_size=8).digest()
    return Look(_asked(prompt, _TECHNIQUE_WORDS, digest[0]), _asked(prompt, _PALETTE_WORDS, digest[1]))


def _asked(prompt: str, words: dict[str, str], chance: int) -> str:
    for word in re.findall(r"[a-z][a-z-]*", prompt.lower()):
        for name, those in words.items():
            if word in those.split():
                return name
    return list(words)[chance % len(words)]
