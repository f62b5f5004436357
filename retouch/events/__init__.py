"""Out: how events are delivered."""
