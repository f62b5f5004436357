"""``python -m workers.endpoint``: see ``command.py``. A signal ends it at once until it serves."""

from __future__ import annotations

import signal

from retouch.signals import end_on

if __name__ == "__main__":
    end_on(signal.SIGINT, signal.SIGTERM)
    from workers.endpoint.command import main  # its libraries take a while to load, and a signal may come meanwhile

    main()
