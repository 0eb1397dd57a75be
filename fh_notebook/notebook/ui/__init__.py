"""Building blocks of the displays: widgets, layouts, buttons, displays, background look-ups."""
