"""``python -m workers.stack``: see ``command.py``. A signal ends it at once until it has something to put in order."""

from __future__ import annotations

import signal
import sys

from retouch.signals import end_on

if __name__ == "__main__":
    end_on(signal.SIGINT, signal.SIGTERM)
    from workers.stack.command import main  # its libraries take a while to load, and a signal may come meanwhile

    sys.exit(main())
