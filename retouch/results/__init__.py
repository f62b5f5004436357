"""What has come out of a batch, for a whole batch at a time: read from Redis or S3, and downloaded."""
