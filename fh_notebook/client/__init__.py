"""HTTP client of the service: exchanges, retries, runs that are delivered later; httpx is imported only here.

`AsyncClient.attempt` is one exchange and never retries; `RetryLoop` repeats it.

Rule of this room: httpx stays in here. Its errors are mapped to values at the edge (`http/exchange.py`), the key is put
on a request by one class (`BearerAuth`) and stands in no variable of ours.
"""
