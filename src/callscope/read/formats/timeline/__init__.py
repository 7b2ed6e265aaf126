"""Timelines of calls, as trace viewers draw them: processes, tracks, and calls that nest on each."""
