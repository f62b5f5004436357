"""The command line: ``retouch enqueue``, ``watch``, ``status``, … stdout is for programs, stderr is for people."""

from retouch.cli.app import main

__all__ = ["main"]
