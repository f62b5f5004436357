"""Where events go: one kind of sink a file."""
