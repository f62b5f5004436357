"""How fast the real engine is, beside diffusers' own pipeline: ``scripts/bench --engine``; see ``docs/performance.md``.

Only ``device``, ``subject``, ``race``, ``pieces``, ``sameness``, ``served``, ``run`` and the command need the extra
``diffusion``; the rest is arithmetic.
"""

import workers.endpoint.diffusion  # noqa: F401 - before its libraries are imported: it tells them to fetch nothing
