"""Displays and reports of a comparison: text, HTML, Markdown, Excel."""
