"""Objects that appear in S3 make edits: what a notification tells, and which edit a recipe makes of it."""
