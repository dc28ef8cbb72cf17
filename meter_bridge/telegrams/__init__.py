"""P1 telegrams: from a stream of bytes to checked registers."""
