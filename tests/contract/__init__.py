"""One suite over the fake and the real of what is outside."""
