"""Concurrency: slots of a limiter, its adaptive limit, and rates."""
