"""Composition root: client, store, local hive and limiter are connected here and nowhere else.

Start with `session`; `api` has the public functions on the session's own client, `limiter` the limit of concurrent
calls, one for each workspace.
"""
