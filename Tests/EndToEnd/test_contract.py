"""What is generated from the contract is what the executables say of themselves, what they do, and what clients can use."""

import json
import subprocess
import sys
import uuid

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import client
from client import Client, expect
from contract import FUNCTIONS, GRPC_ONLY, TASK_FIELDS
from grpc_client import REQUESTS
from system import REPOSITORY
from test_functions_by_hand import once

BUILT = REPOSITORY / ".build/functions"
PROTOS = REPOSITORY / "Shared/API/Protos"
DATABASES = ["user_db", "task_db", "notification_db"]


def described(function):
    """The line that an executable prints about itself."""
    return subprocess.run([BUILT / function, "--describe"], capture_output=True, check=True, timeout=10, env={}).stdout


# What is made from descriptions

@pytest.fixture(scope="module")
def contract_set(tmp_path_factory):
    """The contract as scripts/generate reads it, by the protoc of grpcio-tools; gRPC's own files are in contract.binpb."""
    file = tmp_path_factory.mktemp("contract") / "set"
    own = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto") if path.parts[-3] != "contract")
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={REPOSITORY / 'Shared/API/contract.binpb'}",
         f"-I{PROTOS}", "--include_imports", "--include_source_info", f"--descriptor_set_out={file}", *own,
         "grpc/health/v1/health.proto", "grpc/reflection/v1/reflection.proto"],
        check=True, timeout=30)
    return file


def generated(contract_set, folder, lines):
    return subprocess.run([BUILT / "generate-bindings", "--described", contract_set, folder], input=b"".join(lines),
                          capture_output=True, timeout=30, env={})


def test_what_executables_say_of_themselves_makes_what_the_contract_makes(contract_set, tmp_path):
    done = generated(contract_set, tmp_path, map(described, sorted(FUNCTIONS)))
    assert done.returncode == 0, done.stderr
    committed = sorted((REPOSITORY / "nginx/generated").iterdir())
    assert [path.name for path in committed] == sorted(path.name for path in (tmp_path / "nginx/generated").iterdir())
    for path in committed:
        assert (tmp_path / "nginx/generated" / path.name).read_bytes() == path.read_bytes(), path.name
    made, document = (json.loads((root / "Shared/API/openapi.json").read_text()) for root in (tmp_path, REPOSITORY))
    assert made == document
    # The order of tags and paths is what a reader of the page sees.
    assert json.dumps(made) == json.dumps(document)


def test_a_host_without_some_functions_has_no_routes_to_them(contract_set, tmp_path):
    done = generated(contract_set, tmp_path, map(described, ["get-task", "check-health"]))
    assert done.returncode == 0, done.stderr
    routes = (tmp_path / "nginx/generated/routes.conf").read_text()
    assert " get-task;" in routes and " check-health;" in routes and "update-task" not in routes
    assert list(json.loads((tmp_path / "Shared/API/openapi.json").read_text())["paths"]) == ["/api/v1/tasks/{id}"]


@pytest.mark.parametrize("lines, reason", [
    ([b"{}\n"], b"describes no function"),
    ([b"\n"], b"describes no function"),
    ([described("get-task")] * 2, b"two methods are answered by the function get-task"),
    ([described("get-task").replace(b'"get-task"', b'"get task"')], b"is no name of a function"),
])
def test_descriptions_that_make_no_sense_make_nothing(contract_set, tmp_path, lines, reason):
    done = generated(contract_set, tmp_path, lines)
    assert done.returncode == 1 and reason in done.stderr, done.stderr
    assert list(tmp_path.iterdir()) == []


# The smoke requests

def smoke(system, function):
    """What the contract says, and what the function answers: whether it succeeds, and the code if it does not."""
    said = json.loads(described(function))["smoke"]
    caller = ["--as", f"{uuid.uuid4()}:{said['caller']}"] if "caller" in said else []
    status, answer = once(system, function, json.loads(said["json"]), *caller)
    return ((1, said["code"]) if "code" in said else (0, None)), (status, answer["code"] if status else None)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_smoke_request_is_answered_as_the_contract_says(system, function):
    expected, answered = smoke(system, function)
    assert answered == expected


def rows(system):
    """A sum of all rows of every table."""
    tables = "select string_agg(format('select %L, md5(string_agg(t::text, chr(10) order by t::text)) from %I t', " \
             "tablename, tablename), ' union all ') from pg_tables where schemaname = 'public'"
    return {database: sorted(system.sql(database, system.sql(database, tables)[0][0])) for database in DATABASES}


def test_no_smoke_request_changes_anything(system):
    # Cron may change something of its own meanwhile, but not every time.
    for _ in range(3):
        before = rows(system)
        for function in FUNCTIONS:
            smoke(system, function)
        after = rows(system)
        if before == after:
            break
    assert before == after
    assert {name for [name, _] in before["task_db"]} >= {"tasks", "events"}


# The contract as one file

@pytest.fixture(scope="module")
def served(system):
    reply = Client(system.url()).session.get(system.url() + "/contract.binpb", timeout=10)
    assert reply.status_code == 200 and reply.headers["Content-Type"] == "application/x-protobuf"
    return reply.content


def test_the_file_has_the_whole_contract_and_all_that_it_imports(served):
    assert served == (REPOSITORY / "Shared/API/contract.binpb").read_bytes()
    files = descriptor_pb2.FileDescriptorSet.FromString(served).file
    known = set()
    for file in files:
        assert set(file.dependency) <= known, file.name
        known.add(file.name)
    methods = {f"{file.package}.{service.name}/{method.name}"
               for file in files for service in file.service for method in service.method}
    assert set(REQUESTS) <= methods
    assert set(GRPC_ONLY.values()) <= methods
    # What only the gateway asks is in no client's way.
    assert not any(name.startswith("gateway.") for name in methods)


def test_a_client_can_be_made_of_the_file_alone(system, user, served):
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(served).file:
        pool.Add(file)

    def call(name, token=None, **fields):
        service, method = name.split("/")
        found = pool.FindServiceByName(service).methods_by_name[method]
        request, response = map(message_factory.GetMessageClass, (found.input_type, found.output_type))
        stub = channel.unary_unary(f"/{name}", request_serializer=request.SerializeToString,
                                   response_deserializer=response.FromString)
        metadata = [("authorization", f"Bearer {token}")] if token else []
        return stub(request(**fields), metadata=metadata, timeout=10)

    with grpc.insecure_channel(f"127.0.0.1:{system.grpc_port()}", options=[("grpc.enable_http_proxy", 0)]) as channel:
        session = call("auth.v1.AuthService/Login", username=user.username, password=client.PASSWORD)
        task = call("task.v1.TaskService/CreateTask", session.access_token, title="Call the bank", priority="URGENT")
    seen = expect(user.get(f"/tasks/{task.id}"), 200)
    assert (seen["title"], seen["priority"]) == ("Call the bank", "URGENT")
    assert set(seen) == TASK_FIELDS == {field.name for field in task.DESCRIPTOR.fields}
    # The options come with it.
    title = pool.FindMessageTypeByName("task.v1.CreateTaskRequest").fields_by_name["title"]
    assert b"task.v1.Task.title" in title.GetOptions().SerializeToString()
