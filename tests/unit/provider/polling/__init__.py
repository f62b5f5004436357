"""When polls happen, and what a worker learns from them."""
