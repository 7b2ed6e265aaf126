"""Read-only inspection of classes, code, objects and the current process."""
