"""Magics ``%fetchhive`` and ``%%fetchhive``: `extension` registers them, `cell_magic` runs a cell."""
