"""Live receivers of events; one file each."""
