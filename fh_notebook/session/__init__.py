"""Composition root: client, store, local hive and limiter are connected here and nowhere else."""
