"""Monitoring of a deployment over time: the trend of its saved batches, and a canary that detects a change.

Start with `trend.py` (`trend`) and `canary.py` (`canary`). `evidence.py` decides whether scores have changed, and
`kept_scores.py` reads the scores of saved batches.
"""
