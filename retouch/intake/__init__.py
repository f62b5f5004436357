"""From a manifest or from Python to a written batch."""
