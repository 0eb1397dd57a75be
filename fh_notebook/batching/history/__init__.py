"""History: earlier runs and batches in the store, opened, copied, exported or removed."""
