"""The parts of a worker process, and the local endpoint."""
