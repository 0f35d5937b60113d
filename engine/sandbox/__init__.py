"""A stand-in for the vendor and for the phones behind it. Knows nothing of the rest of the engine."""
