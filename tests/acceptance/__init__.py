"""What a user was promised, with real workers, servers and the local API as processes."""
