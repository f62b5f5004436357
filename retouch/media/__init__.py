"""Bytes: fetched, checked, and put into the store."""
