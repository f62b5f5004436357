"""Planted bugs, and whether the fast tests notice them: see ``scripts/mutate``."""
