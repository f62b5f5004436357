"""The listener."""
