"""Run the router: `python -m services.router`."""

import sys

from services.common.runtime.process import run_service
from services.router.bootstrap import SERVICE, start

if __name__ == "__main__":
    sys.exit(run_service(SERVICE, start))
