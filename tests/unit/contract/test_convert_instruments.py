"""Instruments cross the wire with all that is known of them, and are read from any true form."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from services.common.contract.convert import instrument_from_wire, instrument_to_wire
from services.common.contract.convert.instruments import priced_instrument_from_wire
from services.common.contract.convert.times import timestamp_to_wire
from services.common.contract.pb import accounts_pb2, orders_pb2, types_pb2
from services.common.domain.errors import InvalidRequest, Reason, Refused
from services.common.domain.instruments import (
    Equity,
    ExerciseStyle,
    Instrument,
    OptionContract,
    OptionRight,
    Settlement,
    SettlementSession,
)
from tests.unit.contract.strategies import INSTRUMENTS, everything, unhurried

SPY_PUT = OptionContract("SPY", date(2024, 11, 15), OptionRight.PUT, Decimal(400))
PARTS: dict[str, Any] = {
    "root": "SPY",
    "expiry": types_pb2.Date(year=2024, month=11, day=15),
    "right": types_pb2.OPTION_RIGHT_PUT,
    "strike": types_pb2.Decimal(value="400.000"),
}


def option(**fields: Any) -> types_pb2.Instrument:
    return types_pb2.Instrument(option=types_pb2.Option(**fields))


def equity(**fields: Any) -> types_pb2.Instrument:
    return types_pb2.Instrument(equity=types_pb2.Equity(**fields))


def refused_field(msg: types_pb2.Instrument) -> str:
    with pytest.raises(InvalidRequest) as caught:
        instrument_from_wire(msg, "i")
    return caught.value.field


@unhurried
@given(INSTRUMENTS)
def test_an_instrument_comes_back_with_all_of_its_description(instrument: Instrument) -> None:
    back = instrument_from_wire(instrument_to_wire(instrument), "instrument")
    assert everything(back) == everything(instrument)


def test_a_reply_has_both_symbols_of_an_option() -> None:
    msg = instrument_to_wire(SPY_PUT).option
    assert (msg.occ_symbol, msg.osi_symbol) == ("SPY241115P00400000", "SPY   241115P00400000")


@pytest.mark.parametrize(
    "fields",
    [
        {"occ_symbol": "SPY241115P00400000"},
        {"occ_symbol": "SPY   241115P00400000"},
        {"occ_symbol": "SPY  241115P00400000"},
        {"osi_symbol": "SPY   241115P00400000"},
        PARTS,
        {"occ_symbol": "SPY241115P00400000", **PARTS},
        {"occ_symbol": "SPY241115P00400000", "right": types_pb2.OPTION_RIGHT_PUT},
        {"occ_symbol": "SPY241115P00400000", "osi_symbol": "nonsense"},
    ],
)
def test_an_option_is_read_from_symbol_or_terms(fields: dict[str, Any]) -> None:
    assert instrument_from_wire(option(**fields), "instrument") == SPY_PUT


@pytest.mark.parametrize("missing", PARTS)
def test_without_a_symbol_each_term_is_required(missing: str) -> None:
    fields = {name: value for name, value in PARTS.items() if name != missing}
    assert refused_field(option(**fields)) == f"i.option.{missing}"


@pytest.mark.parametrize(
    ("term", "value"),
    [
        ("root", "QQQ"),
        ("expiry", types_pb2.Date(year=2024, month=11, day=16)),
        ("right", types_pb2.OPTION_RIGHT_CALL),
        ("strike", types_pb2.Decimal(value="400.001")),
    ],
)
def test_a_term_that_disagrees_with_the_symbol_is_refused_by_name(term: str, value: Any) -> None:
    msg = option(occ_symbol="SPY241115P00400000", **{term: value})
    assert refused_field(msg) == f"i.option.{term}"


@pytest.mark.parametrize(
    ("msg", "field"),
    [
        (types_pb2.Instrument(), "i"),
        (equity(), "i.equity.symbol"),
        (equity(symbol="spy"), "i.equity.symbol"),
        (equity(symbol="BTC/USD"), "i.equity.symbol"),
        (equity(symbol="SPY", currency_code="usd"), "i.equity.currency_code"),
        (option(occ_symbol="SPY241131P00400000"), "i.option.occ_symbol"),
        (option(occ_symbol="SPY"), "i.option.occ_symbol"),
        (option(osi_symbol="spy   241115P00400000"), "i.option.osi_symbol"),
        (option(**PARTS | {"root": "TOOLONG"}), "i.option.root"),
        (option(**PARTS | {"strike": types_pb2.Decimal(value="0")}), "i.option.strike"),
        (option(**PARTS | {"strike": types_pb2.Decimal(value="1.0001")}), "i.option.strike"),
        (option(**PARTS | {"strike": types_pb2.Decimal(value="1e3")}), "i.option.strike"),
        (
            option(**PARTS | {"expiry": types_pb2.Date(year=1999, month=1, day=1)}),
            "i.option.expiry",
        ),
        (option(**PARTS | {"expiry": types_pb2.Date(year=2024)}), "i.option.expiry"),
        (option(**PARTS, multiplier=types_pb2.Decimal(value="0")), "i.option.multiplier"),
        (option(**PARTS, underlying_symbol="spy"), "i.option.underlying_symbol"),
        (option(**PARTS, adjusted_deliverable="\n"), "i.option.adjusted_deliverable"),
    ],
)
def test_a_malformed_instrument_is_refused_by_the_name_of_the_part(
    msg: types_pb2.Instrument, field: str
) -> None:
    assert refused_field(msg) == field


def test_an_equity_without_a_currency_is_in_dollars() -> None:
    read = instrument_from_wire(equity(symbol="SPY"), "instrument")
    assert isinstance(read, Equity)
    assert read.currency == "USD"


def test_description_of_an_option_is_read() -> None:
    msg = option(
        **PARTS,
        underlying_symbol="SPY",
        multiplier=types_pb2.Decimal(value="10"),
        exercise_style=types_pb2.EXERCISE_STYLE_AMERICAN,
        settlement_session=types_pb2.SETTLEMENT_SESSION_PM,
        settlement_method=types_pb2.SETTLEMENT_METHOD_PHYSICAL,
        last_trade_time=timestamp_to_wire(datetime(2024, 11, 15, 21, 0, tzinfo=UTC)),
        time_zone="America/New_York",
        adjusted_deliverable="10 SPY",
    )
    assert everything(instrument_from_wire(msg, "instrument")) == everything(
        OptionContract(
            "SPY",
            date(2024, 11, 15),
            OptionRight.PUT,
            Decimal("400.000"),
            underlying="SPY",
            multiplier=Decimal(10),
            style=ExerciseStyle.AMERICAN,
            settlement=Settlement.PHYSICAL,
            settlement_session=SettlementSession.PM,
            last_trade_time=time(16),
            last_trade_zone="America/New_York",
            deliverable="10 SPY",
        )
    )


def test_a_last_trade_on_the_day_before_expiry_is_left_out() -> None:
    moment = timestamp_to_wire(datetime(2024, 11, 14, 21, 15, tzinfo=UTC))
    msg = option(**PARTS, last_trade_time=moment, time_zone="America/Chicago")
    read = instrument_from_wire(msg, "instrument")
    assert isinstance(read, OptionContract)
    assert (read.last_trade_time, read.last_trade_zone) == (None, None)


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "America", "\x00"])
def test_a_last_trade_in_no_zone_is_refused_by_name(zone: str) -> None:
    moment = timestamp_to_wire(datetime(2024, 11, 15, 21, tzinfo=UTC))
    msg = option(**PARTS, last_trade_time=moment, time_zone=zone)
    assert refused_field(msg) == "i.option.time_zone"


def test_a_zone_that_does_not_exist_does_not_stop_the_answer() -> None:
    contract = OptionContract(
        *("SPY", date(2024, 11, 15), OptionRight.PUT, Decimal(400)),
        last_trade_time=time(16),
        last_trade_zone="Mars/Olympus",
    )
    assert not instrument_to_wire(contract).option.HasField("last_trade_time")


def test_an_unknown_right_is_unsupported() -> None:
    with pytest.raises(Refused, match=r"i\.option\.right") as caught:
        instrument_from_wire(option(**PARTS | {"right": 9}), "i")
    assert caught.value.reason is Reason.UNSUPPORTED_FIELD


def test_an_option_without_a_multiplier_takes_that_of_its_record() -> None:
    multiplier = types_pb2.Decimal(value="10")
    msg = orders_pb2.Execution(instrument=option(**PARTS), multiplier=multiplier)
    read = priced_instrument_from_wire(msg)
    assert isinstance(read, OptionContract)
    assert read.multiplier == 10


@pytest.mark.parametrize("instrument", [Equity("SPY"), SPY_PUT])
def test_two_multipliers_that_differ_are_refused(instrument: Instrument) -> None:
    msg = accounts_pb2.Position(
        instrument=instrument_to_wire(instrument), multiplier=types_pb2.Decimal(value="10")
    )
    with pytest.raises(InvalidRequest) as caught:
        priced_instrument_from_wire(msg)
    assert caught.value.field == "multiplier"
