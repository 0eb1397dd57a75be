"""``fh-notebook batch``: a file of rows through the variants of a deployment, without a notebook."""
