"""Makes edits of new objects in S3: reads their notifications from a queue of SQS (docs/triggers.md)."""
