"""Fetching of images and results over HTTP."""
