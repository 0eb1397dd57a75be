"""Forms: `form()` shows fields, Run and results for a deployment, or for the rows of a table."""
