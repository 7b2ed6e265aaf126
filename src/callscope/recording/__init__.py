"""Recordings: their lifecycle and delivery of events to sinks."""
