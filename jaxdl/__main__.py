"""`python -m jaxdl`, the same as the command `jaxdl`."""

import sys

from jaxdl.console import main

if __name__ == "__main__":
    sys.exit(main())
