"""Tab completion in ``%fetchhive`` lines and ``%%fetchhive`` cells."""
