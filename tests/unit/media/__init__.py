"""Fetching, and what an image's bytes say."""
