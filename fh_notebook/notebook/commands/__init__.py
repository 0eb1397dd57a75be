"""Commands of ``%fetchhive``; `registry` has the list."""
