"""Fields of a form as widgets, one module for each group of kinds; `view` has the table of kinds."""
