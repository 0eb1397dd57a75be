"""Export of a batch: CSV, Excel, Parquet, JSON lines, and the ``.fhb`` archive."""
