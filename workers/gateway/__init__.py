"""The gateway: Retouch over HTTP, for whoever cannot reach Redis. Each face is a folder."""
