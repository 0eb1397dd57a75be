"""Results of single calls: columns of widgets, and the same as HTML and text."""
