"""Code of a worker: its client and key, the budget that all workers share, and the calls of a partition."""
