"""Blind rating of outputs by people, and how far they agree."""
