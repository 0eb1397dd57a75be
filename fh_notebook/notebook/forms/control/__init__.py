"""What a form does, without widgets: options, submissions, changes of the schema."""
