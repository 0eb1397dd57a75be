"""How it travels: HTTP. `AsyncClient.attempt` is one exchange and never retries; `invoke` is a small loop over it.

Rule of this room: httpx stays in here. Its errors are mapped to values at the edge (`exchange.py`), the key is put on a
request by one class (`BearerAuth`) and stands in no variable of ours.

::

    what a user holds     client.py delivered.py blocking.py             `AsyncClient`, its later answers; `Client`
                          pending*.py looking.py polling.py              `PendingRun`: known, shown, asked for gently
                          receiver.py claims.py                          `CallbackReceiver`; who waits for which run
    one exchange          connection.py per_loop.py                      to whom and how; connections, a set a loop
                          exchange.py unpacking.py raising.py            httpx's errors as values; those one can act on
                          check.py assets.py asset_places.py             is it reached; the files of a run
    how it travels        transport.py proxied.py                        which one: ours, or httpx's past a proxy
                          fast.py http1.py deadline.py ending.py         ours: HTTP/1.1; closed with its loop
    a later answer        submitting.py on_loop.py                       a run is started; a call on a loop
                          receiver_server.py receiving.py                the server of callbacks; one delivery looked at
                          secrets_known.py reach.py self_test.py         signing secrets; who reaches it; is it so
"""
