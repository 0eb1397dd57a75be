"""Code Snippets: a call read from curl, and written as curl or Python."""
