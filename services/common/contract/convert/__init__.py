"""Between the contract's messages and the domain: every conversion, in both directions.

`…_to_wire` writes what the domain holds. `…_from_wire` of a request raises InvalidRequest naming
the field, or Refused for what this release does not know or do; `…_from_wire` of what another
process answered raises ReadFailed. Nothing unknown is guessed, nothing set is ignored.
"""

from services.common.contract.convert.accounts import (
    balance_from_wire,
    balance_to_wire,
    position_from_wire,
    position_to_wire,
)
from services.common.contract.convert.activities import activity_from_wire, activity_to_wire
from services.common.contract.convert.amounts import (
    decimal_from_wire,
    decimal_to_wire,
    money_from_wire,
    money_to_wire,
    optional_decimal_from_wire,
    optional_decimal_to_wire,
    optional_money_from_wire,
    optional_money_to_wire,
    required_decimal_from_wire,
)
from services.common.contract.convert.causes import (
    cause_from_wire,
    cause_to_wire,
    optional_cause_to_wire,
    venue_cause_from_wire,
    venue_cause_to_wire,
)
from services.common.contract.convert.executions import (
    execution_from_wire,
    execution_to_wire,
    fee_from_wire,
    fee_to_wire,
)
from services.common.contract.convert.instructions import (
    instruction_from_wire,
    instruction_to_wire,
)
from services.common.contract.convert.instruments import instrument_from_wire, instrument_to_wire
from services.common.contract.convert.known_fields import check_known_fields
from services.common.contract.convert.market import (
    market_clock_from_wire,
    market_clock_to_wire,
    quote_from_wire,
    quote_to_wire,
)
from services.common.contract.convert.market_data import (
    bar_from_wire,
    bar_to_wire,
    listed_option_from_wire,
    listed_option_to_wire,
    market_day_from_wire,
    market_day_to_wire,
    snapshot_from_wire,
    snapshot_to_wire,
    streamed_quote_from_wire,
    streamed_quote_to_wire,
)
from services.common.contract.convert.orders import order_to_wire, placement_to_wire
from services.common.contract.convert.reports import report_from_wire, report_to_wire
from services.common.contract.convert.specs import (
    change_from_wire,
    change_to_wire,
    spec_from_wire,
    spec_to_wire,
)
from services.common.contract.convert.times import (
    date_from_wire,
    date_to_wire,
    duration_from_wire,
    duration_to_wire,
    optional_date_from_wire,
    optional_date_to_wire,
    optional_timestamp_from_wire,
    optional_timestamp_to_wire,
    required_timestamp_from_wire,
    times_from_wire,
    times_to_wire,
    timestamp_from_wire,
    timestamp_to_wire,
)
from services.common.contract.convert.venues import (
    lookup_from_wire,
    lookup_to_wire,
    proof_from_wire,
    proof_to_wire,
    venue_status_from_wire,
    venue_status_to_wire,
    venue_to_wire,
)

__all__ = [
    "activity_from_wire",
    "activity_to_wire",
    "balance_from_wire",
    "balance_to_wire",
    "bar_from_wire",
    "bar_to_wire",
    "cause_from_wire",
    "cause_to_wire",
    "change_from_wire",
    "change_to_wire",
    "check_known_fields",
    "date_from_wire",
    "date_to_wire",
    "decimal_from_wire",
    "decimal_to_wire",
    "duration_from_wire",
    "duration_to_wire",
    "execution_from_wire",
    "execution_to_wire",
    "fee_from_wire",
    "fee_to_wire",
    "instruction_from_wire",
    "instruction_to_wire",
    "instrument_from_wire",
    "instrument_to_wire",
    "listed_option_from_wire",
    "listed_option_to_wire",
    "lookup_from_wire",
    "lookup_to_wire",
    "market_clock_from_wire",
    "market_clock_to_wire",
    "market_day_from_wire",
    "market_day_to_wire",
    "money_from_wire",
    "money_to_wire",
    "optional_cause_to_wire",
    "optional_date_from_wire",
    "optional_date_to_wire",
    "optional_decimal_from_wire",
    "optional_decimal_to_wire",
    "optional_money_from_wire",
    "optional_money_to_wire",
    "optional_timestamp_from_wire",
    "optional_timestamp_to_wire",
    "order_to_wire",
    "placement_to_wire",
    "position_from_wire",
    "position_to_wire",
    "proof_from_wire",
    "proof_to_wire",
    "quote_from_wire",
    "quote_to_wire",
    "report_from_wire",
    "report_to_wire",
    "required_decimal_from_wire",
    "required_timestamp_from_wire",
    "snapshot_from_wire",
    "snapshot_to_wire",
    "spec_from_wire",
    "spec_to_wire",
    "streamed_quote_from_wire",
    "streamed_quote_to_wire",
    "times_from_wire",
    "times_to_wire",
    "timestamp_from_wire",
    "timestamp_to_wire",
    "venue_cause_from_wire",
    "venue_cause_to_wire",
    "venue_status_from_wire",
    "venue_status_to_wire",
    "venue_to_wire",
]
