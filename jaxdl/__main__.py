"""`python -m jaxdl`, the same as the command `jaxdl`."""

import sys

from jaxdl.console import main

sys.exit(main())
