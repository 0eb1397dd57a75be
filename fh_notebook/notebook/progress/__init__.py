"""Progress displays of batches and races in a notebook."""
