"""Ways to record without a change to the program: command line, pytest, IPython, environment."""
