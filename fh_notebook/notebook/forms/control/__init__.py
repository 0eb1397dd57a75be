"""Logic of a form, without widgets: options, submissions, changes of the schema."""
