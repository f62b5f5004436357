"""What acceptance tests and the chaos harness stand on: processes, servers, workers, and waiting with a limit."""
