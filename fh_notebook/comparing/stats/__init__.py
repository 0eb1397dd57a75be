"""Statistics of a comparison: pure functions from scores to intervals, tests and power."""
