"""Activities on the wire."""

from __future__ import annotations

from services.common.contract.convert.amounts import (
    optional_decimal_from_wire,
    optional_decimal_to_wire,
    optional_money_from_wire,
    optional_money_to_wire,
)
from services.common.contract.convert.enums import ACTIVITY_TYPES
from services.common.contract.convert.instruments import instrument_from_wire, instrument_to_wire
from services.common.contract.convert.replies import reading, require_text
from services.common.contract.convert.texts import text_to_wire
from services.common.contract.convert.times import times_from_wire, times_to_wire
from services.common.contract.pb import accounts_pb2
from services.common.domain.activities import Activity, ActivityType


def activity_to_wire(activity: Activity) -> accounts_pb2.Activity:
    """Write an activity."""
    instrument = activity.instrument
    return accounts_pb2.Activity(
        activity_id=activity.activity_id,
        account_id=activity.account_id,
        venue=activity.venue,
        activity_type=ACTIVITY_TYPES.to_wire(activity.activity_type),
        raw_type=text_to_wire(activity.raw_type),
        instrument=None if instrument is None else instrument_to_wire(instrument),
        qty=optional_decimal_to_wire(activity.qty),
        price=optional_decimal_to_wire(activity.price),
        net_amount=optional_money_to_wire(activity.net_amount),
        group_id=text_to_wire(activity.group_id),
        description=text_to_wire(activity.description),
        times=times_to_wire(activity.times),
    )


def activity_from_wire(msg: accounts_pb2.Activity) -> Activity:
    """Read an activity; a type that is not known here reads as UNSPECIFIED, with its raw text.

    ReadFailed naming what is missing or malformed.
    """
    with reading("activity"):
        has_instrument = msg.HasField("instrument") and msg.instrument.WhichOneof("kind")
        return Activity(
            venue=require_text(msg.venue, "venue"),
            account_id=require_text(msg.account_id, "account_id"),
            activity_id=require_text(msg.activity_id, "activity_id"),
            activity_type=ACTIVITY_TYPES.get(msg.activity_type) or ActivityType.UNSPECIFIED,
            raw_type=msg.raw_type,
            times=times_from_wire(msg.times, "times"),
            instrument=(
                instrument_from_wire(msg.instrument, "instrument") if has_instrument else None
            ),
            qty=optional_decimal_from_wire(msg, "qty", "qty"),
            price=optional_decimal_from_wire(msg, "price", "price"),
            net_amount=optional_money_from_wire(msg, "net_amount", "net_amount"),
            group_id=msg.group_id,
            description=msg.description,
        )
