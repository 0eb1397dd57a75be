"""The same batch past one machine, on Dask. Still empty: a room for what is to come."""
