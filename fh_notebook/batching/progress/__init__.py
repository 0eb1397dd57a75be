"""Progress of a running batch: its state, when it is drawn, and its lines of text."""
