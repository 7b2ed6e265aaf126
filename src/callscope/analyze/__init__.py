"""What reads a class or a trace and changes nothing."""
