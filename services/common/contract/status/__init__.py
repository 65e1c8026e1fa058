"""Between the error tree and gRPC statuses: what a server answers, what a caller may conclude."""

from services.common.contract.status.codes import (
    CODES,
    PRECONDITION_SUBJECTS,
    code_of,
    effect_of,
)
from services.common.contract.status.incoming import from_rpc_error
from services.common.contract.status.outgoing import (
    ERROR_DOMAIN,
    to_status,
    translate,
    unimplemented,
)

__all__ = [
    "CODES",
    "ERROR_DOMAIN",
    "PRECONDITION_SUBJECTS",
    "code_of",
    "effect_of",
    "from_rpc_error",
    "to_status",
    "translate",
    "unimplemented",
]
