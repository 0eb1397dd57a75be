"""Batches over many partitions on Dask, for frames that do not fit in memory. Needs the extra ``dask``.

Start with `api.py`. A partition is a small batch with the same engine and ledger as on one machine: `cluster/` submits
partitions from the notebook, `worker/` runs them, `storage/` keeps their answers as Parquet parts. Dask is imported
inside of functions only. What is merged into a part is never paid for again.
"""
