"""Notifications and recipes."""
