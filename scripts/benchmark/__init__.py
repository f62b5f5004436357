"""The benchmark: the same edits through the ordinary Celery version, Retouch and a bare loop (``scripts/bench``)."""
