"""Settings from the environment, Celery's settings, and logging."""
