"""``python -m retouch``: the command line, where the script ``retouch`` is not installed."""

from __future__ import annotations

from retouch.cli import main

if __name__ == "__main__":
    main()
