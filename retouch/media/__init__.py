"""Images: fetched, checked, and put into S3."""
