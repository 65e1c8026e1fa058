"""The local channel loses, misses and finds its server as grpc.aio's does."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.status import from_rpc_error
from services.common.domain.errors import (
    OutcomeUnknown,
)
from tests.simulation.edges import Act, Edge, Hanging, failure_of, has_details


def test_a_server_killed_in_a_call_is_unavailable_without_details(act: Act) -> None:
    async def story(edge: Edge) -> None:
        handler = Hanging()
        edge.servicer.get_order = handler
        call = edge.stub.GetOrder(pb.GetOrderRequest())
        await handler.began.wait()
        assert edge.channel.get_state() is grpc.ChannelConnectivity.READY
        await edge.kill_server()
        failed = await failure_of(call)
        assert failed.code() is grpc.StatusCode.UNAVAILABLE
        assert not has_details(failed)
        assert isinstance(from_rpc_error(failed, mutation=True), OutcomeUnknown)
        assert edge.channel.get_state() is not grpc.ChannelConnectivity.READY

    act(story)


def test_a_server_killed_in_a_stream_is_unavailable_without_details(act: Act) -> None:
    async def story(edge: Edge) -> None:
        edge.servicer.watch = Hanging().stream
        call = edge.stub.WatchEvents(pb.WatchEventsRequest())
        await call.read()
        await edge.kill_server()
        failed = await failure_of(call.read())
        assert failed.code() is grpc.StatusCode.UNAVAILABLE
        assert not has_details(failed)

    act(story)


def test_a_call_without_a_server_fails_at_once_and_the_channel_heals_by_itself(act: Act) -> None:
    async def story(edge: Edge) -> None:
        await edge.kill_server()
        assert edge.channel.get_state() is grpc.ChannelConnectivity.IDLE
        failed = await failure_of(edge.stub.GetOrder(pb.GetOrderRequest()))
        assert failed.code() is grpc.StatusCode.UNAVAILABLE
        assert not has_details(failed)
        assert edge.channel.get_state() is grpc.ChannelConnectivity.TRANSIENT_FAILURE
        await edge.start_server()
        await edge.reaches(grpc.ChannelConnectivity.READY)
        await edge.stub.GetOrder(pb.GetOrderRequest())

    act(story)


def test_an_idle_channel_connects_when_asked_to(act: Act) -> None:
    async def story(edge: Edge) -> None:
        assert edge.channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.IDLE
        await edge.reaches(grpc.ChannelConnectivity.READY)
        await edge.kill_server()
        await edge.reaches(grpc.ChannelConnectivity.IDLE)

    act(story)


def test_a_closed_channel_takes_no_calls(act: Act) -> None:
    async def story(edge: Edge) -> None:
        handler = Hanging()
        edge.servicer.get_order = handler
        call = edge.stub.GetOrder(pb.GetOrderRequest())
        await handler.began.wait()
        await edge.channel.close()
        assert edge.channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN
        with pytest.raises((asyncio.CancelledError, grpc.aio.AioRpcError)):
            await call
        assert await handler.was_canceled()

    act(story)
