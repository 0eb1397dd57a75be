"""Past one machine: the same batch on Dask, for frames that do not fit one notebook. The extra ``dask``.

::

    partitions.py            what lower layers ask of this room
    start.py control.py      `fh.batch(ddf, ..., dask=client)`: checked, named; what is to be called
    scaled.py lazy.py        its tables as lazy Dask frames over Parquet
    book.py                  the notebook's book of partitions: what each asks for, and which part answers it
    rounds.py coming.py      one start: partitions handed out, and coming in, also when they were stopped
    tally.py                 one count over all workers
    threads.py cluster.py    where partitions run: threads of this process, or the workers of a cluster
    spec.py                  what travels to a worker: never a key
    permits.py leases.py     the notebook's side of one budget: permits, and how many calls at once in a round
    checks.py                whether a cluster can be used at all
    survey.py partition.py   on a worker: what a partition asks for, and its calls, by ``batching/engine.py``
    same_rows.py             whether the rows of partitions are those that are kept under a name, by their hashes
    merging.py places.py     what a part tells of its partition; where a partition keeps what it has
    taking.py                answers that cross over between the store and parts
    host.py gate.py budget.py sharing.py handing.py   on a worker: its client, and one budget over all workers
    telling.py               events on their way from a worker to the notebook
    opening.py forgetting.py what a batch's name stands for, opened again; its files removed for good
    parts.py                 a partition's answers as Parquet, and read again
    comparing.py sums.py counted.py `fh.compare` over partitions: sufficient statistics, added up

Rule of this room: a partition is a small batch of its own, by the same engine and ledger as on one machine, and Dask is
imported inside of functions only. Whatever is merged into a part is paid for once.
"""
