"""Tools that record an unchanged program: command line, pytest, IPython, environment."""
