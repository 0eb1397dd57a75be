"""Verdicts on a comparison: sentences, and gates for CI. Start with `verdict`."""
