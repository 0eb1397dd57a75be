"""Concurrency: slots of a limiter, its adaptive limit, and rates.

The limiter itself, which reads decisions of `contract.retry`, is `session.limiter`.
"""
