"""HTTP exchanges and their transport: connections of each event loop, proxies, deadlines."""
