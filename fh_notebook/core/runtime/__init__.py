"""Runtime: the background event loop, and the ASGI server."""
