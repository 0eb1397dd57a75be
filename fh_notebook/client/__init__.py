"""HTTP client of the service: exchanges, retries, runs that are delivered later; httpx is imported only here.

Rule of this package: httpx stays in here. Its errors become values in ``http/exchange.py``, the key is put on a
request by one class (`BearerAuth`) and is in no variable. `AsyncClient.attempt` is one exchange without retries.

Start with `clients` (`AsyncClient`, `Client`), then `retry_loop` and ``http/``. `pending_run` and ``callbacks/`` are
for runs that are delivered later.
"""
