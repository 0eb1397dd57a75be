"""How it travels: HTTP. `AsyncClient.attempt` is one exchange and never retries; `invoke` is a small loop over it.

Rule of this room: httpx stays in here. Its errors are mapped to values at the edge (`exchange.py`), the key is put on a
request by one class (`BearerAuth`) and stands in no variable of ours.
"""
