"""Browser of rows and variants: a paged table in the notebook."""
