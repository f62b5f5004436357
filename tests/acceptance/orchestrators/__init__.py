"""The examples of docs/orchestrators before the whole system, and what becomes of a task that is killed."""
