"""Runtime: the background event loop, and what threads wait for."""
