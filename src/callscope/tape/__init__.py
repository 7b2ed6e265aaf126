"""The per-thread record of what happens, and how to read it."""
