"""Batches: run the rows of a table through one or several variants, without wasting a call or losing an answer.

Start with `api` (`fh.batch`), `batch` (`Batch`) or `model` (jobs, outcomes, events). `planning` makes jobs of rows and
looks up stored answers, `execution` makes the calls, `tables` and `export` return the results.
"""
