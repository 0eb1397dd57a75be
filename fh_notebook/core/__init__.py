"""Helpers without domain knowledge: configuration, runtime, concurrency, texts."""
