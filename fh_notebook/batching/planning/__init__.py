"""Planning: rows, variants and repeats to jobs; which of them have an answer in the store, and which must be called."""
