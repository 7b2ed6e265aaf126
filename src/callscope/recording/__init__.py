"""Recordings: their life, and the delivery of events to sinks."""
