"""The same processes, killed, stopped and cut off, and a judge of what they left."""
