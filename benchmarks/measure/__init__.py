"""What one process measures of one peer: the cost of calls and of all that is around them."""
