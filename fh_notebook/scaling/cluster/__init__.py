"""The notebook's side: submit partitions to a Dask cluster or to threads of this process, within
the limits of a round.
"""
