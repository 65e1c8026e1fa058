"""What every test run needs of pytest, beyond what a test would notice missing."""

from __future__ import annotations

import logging

import pytest


def test_no_debug_record_of_grpc_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    """One of them holds an object that is being freed: keeping it crashes a later test."""
    caplog.set_level(logging.DEBUG)
    logger = logging.getLogger("grpc._cython.cygrpc")
    logger.debug("a dying %s", "server")
    logger.info("kept")
    assert [record.message for record in caplog.records] == ["kept"]
