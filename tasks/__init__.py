"""One step a file: a Celery task that hands its claims to the process's loop, and the step itself."""
