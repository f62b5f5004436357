"""How fast the page is in a browser, and what it costs beside the edits: ``scripts/bench --page``."""
