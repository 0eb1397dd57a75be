"""Entry points of a hive: the ASGI application, a server on a socket, and a transport in process."""
