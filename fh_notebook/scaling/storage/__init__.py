"""Files of batches over partitions: Parquet parts, the index of parts, and reuse of their answers."""
