"""Folded trees: one row per stay on an object, and per run of calls that are alike."""
