"""How events are delivered."""
