"""`python -m callscope` is the command line."""

import sys

from callscope.tools.cli import main

if __name__ == "__main__":
    sys.exit(main())
