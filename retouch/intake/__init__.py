"""In: from a manifest, a folder or Python to a written batch."""
