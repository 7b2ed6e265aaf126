"""Decoding of tapes: records become calls and events."""
