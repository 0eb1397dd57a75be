"""Text of a ``%%fetchhive`` cell: options, body, expressions, and the request that they make. Pure."""
