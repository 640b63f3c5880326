"""gRPC under load: one channel with many calls in flight, and workers that come and go meanwhile."""

import time

import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from client import sign_up
from grpc_client import open_channel
from grpc_load import GrpcLoad
from soak import scenarios
from test_resilience import hold

#: More requests than nginx allows on one REST connection (keepalive_requests), so that the limit would show.
CALLS = 10_500
QUESTION = reflection_pb2.ServerReflectionRequest(list_services="")


@pytest.fixture
def writer(system):
    return sign_up(system.url())


def test_ten_thousand_calls_on_one_channel_all_succeed(system, writer):
    with GrpcLoad(system.grpc_port(), writer, in_flight=64, calls=CALLS) as load:
        outcome = load.join()
    assert outcome.failures() == {} and outcome.wrong == []
    assert outcome.total == CALLS and {name for name, _ in outcome.counts} == {
        "get-task", "list-tasks", "create-task", "get-user"}
    created = system.sql("task_db", "select count(*) from tasks where user_id = :'id' and title = 'made under load'",
                         id=writer.id)
    assert created == [[str(outcome.counts["create-task", "OK"])]]


def test_replacing_workers_costs_no_request_and_no_call(system, writer):
    """Load by REST and by gRPC at once, while the workers of the busy pools are replaced one by one."""
    stage = scenarios.Stage(system)
    with GrpcLoad(system.grpc_port(), writer, in_flight=16) as load:
        hold(scenarios.replacements(stage, at_least=50, seconds=5))
        outcome = load.stop()
    assert outcome.failures() == {} and outcome.wrong == [], (outcome.failures(), outcome.wrong[:3])
    assert outcome.total > 1000, f"only {outcome.total} calls: this has shown nothing"


def test_more_calls_than_workers_wait_their_turn(system, writer):
    """Ten times as many callers as workers: nobody is refused, and nobody waits for long."""
    with GrpcLoad(system.grpc_port(), writer, in_flight=100) as load:
        time.sleep(3)
        outcome = load.stop()
    assert outcome.failures() == {} and outcome.wrong == [] and outcome.total > 1000


def test_replacing_the_worker_of_reflection_costs_no_question(system):
    supervisor, replaced = system.supervisor(), 0
    with open_channel(system.grpc_port()) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        for number in range(150):
            if number % 30 == 10:
                system.replace_worker("reflect-server", supervisor)
                replaced += 1
            [answer] = stub.ServerReflectionInfo(iter([QUESTION]))
            assert answer.list_services_response.service
    assert replaced == 5
