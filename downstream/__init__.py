"""Other libraries' own tests, without and with tracing."""
