"""The steps of a worker."""
