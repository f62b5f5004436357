"""``python -m retouch.cli``: the same as ``retouch``."""

from retouch.cli.app import main

main()
