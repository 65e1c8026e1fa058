"""What holds for every test: no debug record of gRPC's is made, so none can be kept.

A gRPC server that was never stopped logs itself, at debug, while it is being freed. pytest keeps
records; dropping that one later is a use after free, which crashes whichever test comes next.
"""

from __future__ import annotations

import logging

logging.getLogger("grpc").setLevel(logging.INFO)
