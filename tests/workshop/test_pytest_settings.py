"""What every test run needs of pytest, beyond what a test would notice missing."""

from __future__ import annotations

import logging

import pytest


def test_no_debug_record_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    """One of gRPC's holds an object that is being freed: keeping it crashes a later test."""
    logger = logging.getLogger("grpc._cython.cygrpc")
    logger.setLevel(logging.DEBUG)
    try:
        logger.debug("a dying %s", "server")
        logger.info("kept")
    finally:
        logger.setLevel(logging.NOTSET)
    assert [record.message for record in caplog.records] == ["kept"]
