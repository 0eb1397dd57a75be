"""How it travels: HTTP. `AsyncClient.attempt` is one exchange and never retries; `RetryLoop` repeats it.

Rule of this room: httpx stays in here. Its errors are mapped to values at the edge (`exchange.py`), the key is put on a
request by one class (`BearerAuth`) and stands in no variable of ours.

::

    what a user holds     client.py blocking.py call_options.py          `AsyncClient`, `Client`; the keywords of a call
                          pending.py polling.py                          `PendingRun`; its look-ups, and the one poller
                          receiver.py claims.py                          `CallbackReceiver`; who waits for which run
    one call              retry_loop.py raising.py                       attempted until it is enough; errors to act on
    one exchange          connection.py per_loop.py                      to whom and how; connections, a set a loop
                          exchange.py unpacking.py                       httpx's errors as values
                          check.py assets.py asset_places.py             is it reached; the files of a run
    how it travels        transport.py proxied.py                        which one: ours, or httpx's past a proxy
                          fast.py http1.py deadline.py ending.py         ours: HTTP/1.1; closed with its loop
    a later answer        callback_address.py on_loop.py                 who receives it; a call on a loop
                          receiver_server.py receiving.py                the server of callbacks; one delivery looked at
                          secrets_known.py reach.py self_test.py         signing secrets; who reaches it; is it so
"""
