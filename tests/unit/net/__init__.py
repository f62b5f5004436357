"""Addresses, and what may be shown."""
