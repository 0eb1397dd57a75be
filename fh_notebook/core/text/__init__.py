"""Texts shown to a reader: messages, problems, formatted values, escaped HTML."""
