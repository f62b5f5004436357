"""Every long-running process: Celery workers, the embedded stack, the local endpoint."""
