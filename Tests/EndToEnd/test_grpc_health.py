"""Health and reflection as gRPC defines them, asked by grpcio's own clients."""

import gzip
import queue
import secrets
import time

import grpc
import pytest
from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

import http2_client
from contract import GRPC_SERVICE_PORTS
from grpc_client import CONTRACT, open_channel, refusal
from http2_client import frame
from test_grpc_wire import said

PORTS = [None, *GRPC_SERVICE_PORTS]
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
NAMES = {service: CONTRACT[service].full_name for service in CONTRACT}
EVERYWHERE = {"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"}


@pytest.fixture(params=PORTS, ids=lambda service: service or "all")
def port(request):
    """The gRPC port of a service; None is the port of all services."""
    return request.param


@pytest.fixture
def channel(system, port):
    with open_channel(system.grpc_port(port)) as opened:
        yield opened


@pytest.fixture
def gateway(system):
    with open_channel(system.grpc_port()) as opened:
        yield opened


def state(channel, service=""):
    """SERVING or NOT_SERVING."""
    stub = health_pb2_grpc.HealthStub(channel)
    return stub.Check(health_pb2.HealthCheckRequest(service=service)).status


# Health

def test_the_empty_name_stands_for_all_that_a_port_has(channel, port):
    assert state(channel) == SERVING


@pytest.mark.parametrize("service", NAMES)
def test_a_port_knows_its_own_services_only(channel, port, service):
    if port in (None, service):
        assert state(channel, NAMES[service]) == SERVING
    else:
        with pytest.raises(grpc.RpcError) as caught:
            state(channel, NAMES[service])
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("service", ["user", "UserService", "user.v1.userservice", "x" * 5000, "💥", "a.b.c"])
def test_a_service_that_nobody_has_is_not_found(channel, service):
    check = health_pb2_grpc.HealthStub(channel).Check
    refusal(check, health_pb2.HealthCheckRequest(service=service), "NOT_FOUND")


def test_watching_is_not_implemented(channel):
    """Clients then proceed as if everything were well, as gRPC requires."""
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
    with pytest.raises(grpc.RpcError) as caught:
        list(watch)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def states(system):
    """Returns the answers of all ports, and the time of the slowest."""
    slowest, found = 0.0, {}
    for service in [None, "user", "auth", "task"]:
        with open_channel(system.grpc_port(service)) as channel:
            started = time.monotonic()
            found[service] = state(channel)
            slowest = max(slowest, time.monotonic() - started)
    return set(found.values()), slowest


def test_while_postgresql_hangs_nobody_serves(system):
    with system.postgres.paused():
        found, slowest = states(system)
    assert found == {NOT_SERVING} and slowest < 3
    assert states(system)[0] == {SERVING}


def test_while_postgresql_is_unavailable_nobody_serves(system):
    with system.postgres.away():
        found, slowest = states(system)
        assert found == {NOT_SERVING} and slowest < 1
    assert states(system)[0] == {SERVING}


# Reflection

V1 = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
Question = reflection_pb2.ServerReflectionRequest


def by_name(channel, path):
    return channel.stream_stream(path, request_serializer=Question.SerializeToString,
                                 response_deserializer=reflection_pb2.ServerReflectionResponse.FromString)


@pytest.fixture(params=["v1", "v1alpha"])
def reflect(request, gateway):
    """Asks questions in one stream, by each of the two names that reflection has."""
    call = by_name(gateway, V1) if request.param == "v1" else (
        reflection_pb2_grpc.ServerReflectionStub(gateway).ServerReflectionInfo)
    return lambda *questions: list(call(iter(questions)))


def test_every_port_lists_its_own_services(channel, port):
    found = ProtoReflectionDescriptorDatabase(channel).get_services()
    own = {NAMES[port]} if port else set(NAMES.values())
    assert {name for name in found if not name.startswith("grpc.reflection.v1alpha")} == own | EVERYWHERE
    assert len(found) == len(set(found))


def test_both_names_of_reflection_list_the_same(reflect):
    [answer] = reflect(Question(list_services="*"))
    assert {service.name for service in answer.list_services_response.service} >= {*NAMES.values(), *EVERYWHERE}
    assert answer.original_request == Question(list_services="*")


def test_a_client_made_of_nothing_but_reflection_reads_a_task(gateway, user):
    task = user.new_task("found by reflection", priority="URGENT")
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(gateway))
    method = pool.FindServiceByName("task.v1.TaskService").FindMethodByName("GetTask")
    request, response = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
    call = gateway.unary_unary(f"/{method.containing_service.full_name}/{method.name}",
                               request_serializer=request.SerializeToString,
                               response_deserializer=response.FromString)
    found = call(request(id=task["id"]),
                 metadata=[("authorization", f"Bearer {user.token}")])
    assert found.title == "found by reflection"
    assert method.output_type.fields_by_name["priority"].enum_type.values_by_number[found.priority].name == "URGENT"
    assert found.created_at.ToJsonString()[:19] == task["created_at"][:19]


@pytest.mark.parametrize("service", NAMES)
def test_what_reflection_tells_is_what_the_contract_says(gateway, service):
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(gateway))
    told, known = descriptor_pb2.FileDescriptorProto(), descriptor_pb2.FileDescriptorProto()
    pool.FindServiceByName(NAMES[service]).file.CopyToProto(told)
    CONTRACT[service].file.CopyToProto(known)
    # The compiler adds names for JSON.
    for message in [*told.message_type, *known.message_type]:
        for field in message.field:
            field.ClearField("json_name")
    assert told == known


def test_a_file_comes_with_all_that_it_imports(reflect):
    for question in (Question(file_by_filename="auth/v1/auth.proto"),
                     Question(file_containing_symbol="auth.v1.AuthService"),
                     Question(file_containing_symbol="auth.v1.AuthService.Login"),
                     Question(file_containing_symbol="auth.v1.TokenResponse"),
                     Question(file_containing_symbol="auth.v1.TokenResponse.access_token")):
        [answer] = reflect(question)
        files = [descriptor_pb2.FileDescriptorProto.FromString(data)
                 for data in answer.file_descriptor_response.file_descriptor_proto]
        names = {file.name for file in files}
        assert "auth/v1/auth.proto" in names and len(names) == len(files), (question, answer)
        assert all(set(file.dependency) <= names for file in files)


@pytest.mark.parametrize("question", [
    Question(file_containing_symbol="task.v1.NoSuchThing"), Question(file_containing_symbol=""),
    Question(file_containing_symbol="task.v1.TaskService.ReadMinds"), Question(file_by_filename="/etc/passwd"),
    Question(file_by_filename="task.proto"), Question(all_extension_numbers_of_type="task.v1.NoSuchThing"),
    Question(file_containing_extension=reflection_pb2.ExtensionRequest(
        containing_type="task.v1.Task", extension_number=100))], ids=str)
def test_an_unknown_name_is_not_found(reflect, question):
    [answer] = reflect(question)
    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0], answer
    assert answer.error_response.error_message and answer.original_request == question


def test_a_message_without_extensions_has_none(reflect):
    [answer] = reflect(Question(all_extension_numbers_of_type="task.v1.Task"))
    assert answer.all_extension_numbers_response.base_type_name == "task.v1.Task"
    assert answer.all_extension_numbers_response.extension_number == []


def test_several_questions_of_one_stream_are_answered_in_order(reflect):
    questions = [Question(list_services=""), Question(file_containing_symbol="nothing"), Question(),
                 Question(file_by_filename="user/v1/user.proto", host="me"),
                 Question(file_containing_symbol="grpc.health.v1.Health")]
    answers = reflect(*questions)
    assert [answer.original_request for answer in answers] == questions
    assert [answer.WhichOneof("message_response") for answer in answers] == [
        "list_services_response", "error_response", "error_response", "file_descriptor_response",
        "file_descriptor_response"]
    assert answers[2].error_response.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert answers[3].valid_host == "me"


def test_a_stream_without_a_question_has_no_answer(reflect):
    assert reflect() == []


def test_a_client_may_wait_for_an_answer_before_it_asks_again(gateway):
    """As grpcurl does: it keeps the stream open until it has everything it needs (fullstorydev/grpcurl issue 189)."""
    questions = queue.Queue()
    questions.put(Question(list_services=""))
    answers = by_name(gateway, V1)(iter(questions.get, None), timeout=4)
    try:
        assert next(answers).list_services_response.service
        questions.put(Question(file_containing_symbol="task.v1.TaskService"))
        assert next(answers).file_descriptor_response.file_descriptor_proto
    finally:
        questions.put(None)


def test_streams_that_wait_keep_nobody_else_from_an_answer(system):
    """One process serves all streams, so an idle client must not block it."""
    questions, waiting = [], []
    with open_channel(system.grpc_port()) as channel:
        for _ in range(40):
            questions.append(queue.Queue())
            questions[-1].put(Question(list_services=""))
            waiting.append(by_name(channel, V1)(iter(questions[-1].get, None)))
        try:
            assert all(next(answers).list_services_response.service for answers in waiting)
            started = time.monotonic()
            assert len(ProtoReflectionDescriptorDatabase(channel).get_services()) >= len(NAMES)
            assert time.monotonic() - started < 1
        finally:
            for question in questions:
                question.put(None)
        assert [list(answers) for answers in waiting] == [[]] * len(waiting)


def test_a_question_and_an_answer_may_be_long(reflect):
    name = "x" * 300_000
    answers = reflect(*[Question(list_services="", host=name)] * 3)
    assert [answer.valid_host for answer in answers] == [name] * 3


def test_many_questions_in_one_stream_are_answered(reflect):
    questions = [Question(file_containing_symbol=f"nothing.{number}") for number in range(90)]
    assert [answer.original_request for answer in reflect(*questions)] == questions


def test_a_client_cannot_choose_the_port_that_it_asks(gateway):
    call = by_name(gateway, V1)
    for name in ("x-gateway-service", "service"):
        [answer] = call(iter([Question(list_services="")]), metadata=[(name, "user")])
        assert {service.name for service in answer.list_services_response.service} >= set(NAMES.values())


def test_a_question_has_its_line_in_the_log(system, gateway):
    sent = f"reflect-{secrets.token_hex(6)}"
    answers = by_name(gateway, V1)(iter([Question(list_services="")]), metadata=[("x-request-id", sent)])
    assert len(list(answers)) == 1 and dict(answers.initial_metadata())["x-request-id"] == sent
    assert system.log_entry("reflect-server", sent)["grpc_status"] == 0


@pytest.mark.parametrize("body, headers, expected", [
    (frame(b"", flag=2), {}, ("INTERNAL", "MALFORMED_MESSAGE")),
    (b"\0\0\0", {}, ("INTERNAL", "MALFORMED_MESSAGE")),
    (frame(b"\x3a\x00")[:-1], {}, ("INTERNAL", "MALFORMED_MESSAGE")),
    (frame(b"\xff\xff"), {}, ("INTERNAL", "MALFORMED_MESSAGE")),
    (frame(b"", length=1 << 21), {}, ("RESOURCE_EXHAUSTED", "PAYLOAD_TOO_LARGE")),
    (frame(gzip.compress(b""), flag=1), {"grpc-encoding": "gzip"}, ("UNIMPLEMENTED", "UNSUPPORTED_ENCODING")),
], ids=["flag 2", "a prefix cut off", "a message cut off", "no protobuf", "too large", "compressed"])
def test_an_invalid_question_ends_the_stream(system, body, headers, expected):
    reply = http2_client.call(system.grpc_port(), V1, body, headers=headers)
    assert said(reply) == expected


def test_an_answer_comes_before_the_invalid_question(system):
    question = frame(Question(list_services="").SerializeToString())
    reply = http2_client.call(system.grpc_port(), V1, question + frame(b"\xff\xff"))
    length = int.from_bytes(reply.body[1:5], "big")
    answer = reflection_pb2.ServerReflectionResponse.FromString(reply.body[5:5 + length])
    assert answer.list_services_response.service and len(reply.body) == 5 + length
    assert reply.trailers["grpc-status"] == str(grpc.StatusCode.INTERNAL.value[0])


def test_while_its_pool_is_stopped_reflection_is_unavailable(system, gateway):
    with system.stopped("reflect-server"):
        with pytest.raises(grpc.RpcError) as caught:
            ProtoReflectionDescriptorDatabase(gateway).get_services()
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert ProtoReflectionDescriptorDatabase(gateway).get_services()
