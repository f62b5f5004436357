"""Where events are delivered: one kind of sink a file."""
