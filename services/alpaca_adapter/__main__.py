"""Run the adapter: `python -m services.alpaca_adapter`."""

import sys

from services.alpaca_adapter.bootstrap import SERVICE, start
from services.common.runtime.process import run_service

if __name__ == "__main__":
    sys.exit(run_service(SERVICE, start))
