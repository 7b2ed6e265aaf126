"""Per-thread tapes of raw records, and their decoding."""
