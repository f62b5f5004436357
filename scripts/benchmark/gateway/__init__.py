"""How fast the gateway takes work and tells of its end: ``scripts/bench --gateway``; see ``docs/performance.md``."""
