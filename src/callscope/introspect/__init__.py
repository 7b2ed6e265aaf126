"""Read-only questions to classes, code and objects; and to the process that they are in."""
