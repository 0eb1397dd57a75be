"""Tables: rows that are read, and frames that are returned."""
