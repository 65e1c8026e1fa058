"""Run the adapter: `python -m services.ib_adapter`."""

import sys

from services.common.runtime.process import run_service
from services.ib_adapter.bootstrap import SERVICE, start

if __name__ == "__main__":
    sys.exit(run_service(SERVICE, start))
