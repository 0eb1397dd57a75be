"""State of the fields of a form, pure: no widgets."""
