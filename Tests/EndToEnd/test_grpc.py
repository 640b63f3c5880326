"""gRPC as its clients see it: the life of a user, the ports, the metadata, and the same data as by REST."""

import re
import secrets
import time
from datetime import datetime, timezone

import grpc
import pytest
from google.protobuf import empty_pb2, field_mask_pb2, timestamp_pb2

import http2_client
from client import PASSWORD, expect
from contract import ENDPOINTS, GRPC_SERVICE_PORTS
from grpc_client import REQUESTS, open_channel, refusal
from grpc_client import auth_pb2, task_pb2, task_pb2_grpc, user_pb2

ANY_ID = "01890000-0000-7000-8000-000000000000"


@pytest.fixture(params=[False, True], ids=["the gateway's port", "each service's own port"])
def own_ports(request):
    return request.param


def mask(*paths):
    return field_mask_pb2.FieldMask(paths=paths)


def as_fields(message):
    return {field.name: value for field, value in message.ListFields()}


def at(text):
    moment = timestamp_pb2.Timestamp()
    moment.FromJsonString(text)
    return moment


# The life of a user

def test_somebody_signs_up_signs_in_and_leaves(services, own_ports):
    one = services(own_ports=own_ports)
    name = f"grpc-{secrets.token_hex(6)}"
    made = one.users.CreateUser(user_pb2.CreateUserRequest(
        username=name, email=f"{name}@example.com", password=PASSWORD, full_name="Ädä",
        time_zone="Europe/Berlin"))
    assert (made.username, made.email, made.full_name) == (name, f"{name}@example.com", "Ädä")
    assert (made.role, made.time_zone, made.version) == (user_pb2.USER, "Europe/Berlin", 1)
    age = datetime.now(timezone.utc) - made.created_at.ToDatetime(timezone.utc)
    assert abs(age.total_seconds()) < 60 and made.updated_at == made.created_at

    session = one.auth.Login(auth_pb2.LoginRequest(username=name, password=PASSWORD))
    assert session.user == made and (session.token_type, session.expires_in) == ("Bearer", 86400)
    said = one.auth.ValidateToken(auth_pb2.ValidateTokenRequest(token=session.access_token))
    assert said.valid and (said.user_id, said.username, said.role) == (made.id, name, user_pb2.USER)
    assert said.expires_at.seconds - made.created_at.seconds == pytest.approx(86400, abs=60)

    one.token = session.access_token
    assert one.users.GetUser(user_pb2.GetUserRequest(id=made.id)) == made
    changed = one.users.UpdateUser(user_pb2.UpdateUserRequest(
        id=made.id, time_zone="UTC", expected_version=1, update_mask=mask("full_name", "time_zone")))
    assert not changed.HasField("full_name") and (changed.time_zone, changed.version) == ("UTC", 2)
    assert changed.username == name

    fresh = one.auth.RefreshToken(auth_pb2.RefreshTokenRequest(refresh_token=session.refresh_token))
    assert fresh.refresh_token != session.refresh_token and fresh.user == changed
    one.token = fresh.access_token
    other = one.auth.Login(auth_pb2.LoginRequest(email=made.email, password=PASSWORD))
    assert one.auth.Logout(auth_pb2.LogoutRequest(refresh_token=other.refresh_token)) == empty_pb2.Empty()
    ended = one.auth.ValidateToken(auth_pb2.ValidateTokenRequest(token=other.access_token))
    assert not ended.valid and ended.reason == "SESSION_REVOKED" and not ended.HasField("user_id")

    assert one.users.DeleteUser(user_pb2.DeleteUserRequest(
        id=made.id, expected_version=2)) == empty_pb2.Empty()
    refusal(one.auth.Login, auth_pb2.LoginRequest(username=name, password=PASSWORD), "INVALID_CREDENTIALS")


def test_a_task_is_made_changed_listed_and_removed(services, user, own_ports):
    tasks = services(user, own_ports=own_ports).tasks
    due = at("2030-01-31T16:00:00.123456Z")
    made = tasks.CreateTask(task_pb2.CreateTaskRequest(
        title="Write the räport", description="all of it", priority=task_pb2.HIGH, due_date=due))
    assert (made.title, made.description, made.priority) == ("Write the räport", "all of it", task_pb2.HIGH)
    assert (made.status, made.user_id, made.due_date, made.version) == (task_pb2.PENDING, user.id, due, 1)
    assert tasks.GetTask(task_pb2.GetTaskRequest(id=made.id)) == made

    changed = tasks.UpdateTask(task_pb2.UpdateTaskRequest(
        id=made.id, status=task_pb2.IN_PROGRESS, expected_version=1))
    assert (changed.status, changed.version, changed.title) == (task_pb2.IN_PROGRESS, 2, made.title)
    cleared = tasks.UpdateTask(task_pb2.UpdateTaskRequest(
        id=made.id, title="Rewrite it", update_mask=mask("title", "description", "due_date")))
    assert (cleared.title, cleared.priority) == ("Rewrite it", task_pb2.HIGH)
    assert not cleared.HasField("description") and not cleared.HasField("due_date")
    refusal(tasks.UpdateTask, task_pb2.UpdateTaskRequest(id=made.id, title="x", expected_version=2),
            "VERSION_MISMATCH")

    second = tasks.CreateTask(task_pb2.CreateTaskRequest(title="Rest", status=task_pb2.COMPLETED))
    assert list(tasks.ListTasks(task_pb2.ListTasksRequest()).tasks) == [second, cleared]
    page = tasks.ListTasks(task_pb2.ListTasksRequest(page_size=1))
    assert list(page.tasks) == [second] and page.next_page_token
    last = tasks.ListTasks(task_pb2.ListTasksRequest(page_size=1, page_token=page.next_page_token))
    assert list(last.tasks) == [cleared] and last.next_page_token == ""
    found = tasks.ListUserTasks(task_pb2.ListUserTasksRequest(
        user_id=user.id, status=[task_pb2.PENDING, task_pb2.IN_PROGRESS], q="rewrite"))
    assert list(found.tasks) == [cleared]

    assert tasks.DeleteTask(task_pb2.DeleteTaskRequest(id=made.id)) == empty_pb2.Empty()
    refusal(tasks.GetTask, task_pb2.GetTaskRequest(id=made.id), "TASK_NOT_FOUND")
    assert list(tasks.ListTasks(task_pb2.ListTasksRequest()).tasks) == [second]


def test_what_a_mask_does_not_name_is_ignored(services, user, other, own_ports):
    """A client may read, change one field and send everything back (AIP-134)."""
    tasks = services(user, own_ports=own_ports).tasks
    made = tasks.CreateTask(task_pb2.CreateTaskRequest(
        title="Write", description="all of it", priority=task_pb2.HIGH, due_date=at("2030-01-31T16:00:00Z")))

    def update(*names, **fields):
        return tasks.UpdateTask(task_pb2.UpdateTaskRequest(id=made.id, update_mask=mask(*names), **fields))

    everything = {"description": "changed", "priority": task_pb2.LOW, "status": 77, "user_id": other.id,
                  "due_date": timestamp_pb2.Timestamp(nanos=-1), "reminders": task_pb2.Reminders(minutes=[-1])}
    changed = update("title", title="Rewrite", **everything)
    assert changed == task_pb2.Task(**{**as_fields(made), "title": "Rewrite", "version": 2,
                                       "updated_at": changed.updated_at})
    assert update(title="Lost", **everything).title == "Rewrite"
    assert list(update("reminders.minutes").reminders.minutes) == []
    assert list(update("reminders.minutes", reminders=task_pb2.Reminders(minutes=[5, 60])).reminders.minutes) == [60, 5]
    assert not update("reminders").HasField("reminders")

    users = services(user, own_ports=own_ports).users
    mine = users.GetUser(user_pb2.GetUserRequest(id=user.id))
    renamed = users.UpdateUser(user_pb2.UpdateUserRequest(
        id=user.id, full_name="Ada", username="x", email="x", role=user_pb2.ADMIN, password="x",
        update_mask=mask("full_name")))
    assert (renamed.full_name, renamed.username, renamed.role) == ("Ada", mine.username, user_pb2.USER)


def test_an_asterisk_names_all_fields_as_a_put_does(services, user, own_ports):
    tasks = services(user, own_ports=own_ports).tasks
    made = user.new_task(description="all of it", priority="HIGH", due_date="2030-01-31T16:00:00Z")
    replaced = tasks.UpdateTask(task_pb2.UpdateTaskRequest(id=made["id"], title="New", update_mask=mask("*")))
    assert (replaced.title, replaced.priority, replaced.user_id) == ("New", task_pb2.MEDIUM, user.id)
    assert not replaced.HasField("description") and not replaced.HasField("due_date")
    refused = refusal(tasks.UpdateTask, task_pb2.UpdateTaskRequest(id=made["id"], update_mask=mask("*")),
                      "INVALID_ARGUMENT")
    assert refused.fields == {"title": "is required"}
    refused = refusal(tasks.UpdateTask, task_pb2.UpdateTaskRequest(
        id=made["id"], title="x", update_mask=mask("*", "title")), "INVALID_ARGUMENT")
    assert set(refused.fields) == {"update_mask"} and "*" in refused.message
    users = services(user, own_ports=own_ports).users
    mine = users.UpdateUser(user_pb2.UpdateUserRequest(
        id=user.id, username=user.username, email=user.user["email"], full_name="Ada", role=user_pb2.USER, update_mask=mask("*")))
    assert (mine.full_name, mine.time_zone, mine.role) == ("Ada", "UTC", user_pb2.USER)


@pytest.mark.parametrize("path", ["id", "version", "titel", "due_date.seconds", "reminders.hours", "dueDate", "title.x"])
def test_a_path_that_is_no_field_is_refused_by_name(services, user, path):
    refused = refusal(services(user).tasks.UpdateTask, task_pb2.UpdateTaskRequest(
        id=user.new_task()["id"], title="x", update_mask=mask("title", path)), "INVALID_ARGUMENT")
    assert set(refused.fields) == {"update_mask"} and path in refused.message


@pytest.mark.parametrize("timestamp, says", [
    ({"nanos": -1}, "nanos"), ({"nanos": 1_000_000_000}, "nanos"), ({"seconds": 1, "nanos": 2**31 - 1}, "nanos"),
    ({"seconds": -62_135_596_801}, "years"), ({"seconds": 253_402_300_800}, "years")])
def test_a_timestamp_that_is_none_is_named_for_what_is_wrong(services, user, timestamp, says):
    tasks, moment = services(user).tasks, timestamp_pb2.Timestamp(**timestamp)
    for call, request, field in (
            (tasks.CreateTask, task_pb2.CreateTaskRequest(title="x", due_date=moment), "due_date"),
            (tasks.UpdateTask, task_pb2.UpdateTaskRequest(id=user.new_task()["id"], due_date=moment), "due_date"),
            (tasks.ListTasks, task_pb2.ListTasksRequest(due_before=moment), "due_before"),
            (tasks.ListTasks, task_pb2.ListTasksRequest(due_after=moment), "due_after"),
            (tasks.ListUserTasks, task_pb2.ListUserTasksRequest(user_id=user.id, due_after=moment), "due_after")):
        assert says in refusal(call, request, "INVALID_ARGUMENT").fields[field]


def test_an_admin_lists_and_changes_everybody(services, admin, user, own_ports):
    users = services(admin, own_ports=own_ports).users
    seen, token = [], ""
    while True:
        page = users.ListUsers(user_pb2.ListUsersRequest(page_size=200, page_token=token))
        seen += [found.id for found in page.users]
        token = page.next_page_token
        if not token:
            break
    assert user.id in seen and admin.id in seen and len(seen) == len(set(seen))
    changed = users.UpdateUser(user_pb2.UpdateUserRequest(id=user.id, role=user_pb2.ADMIN))
    assert changed.role == user_pb2.ADMIN


# Ports

@pytest.mark.parametrize("service", GRPC_SERVICE_PORTS)
@pytest.mark.parametrize("rpc", REQUESTS)
def test_a_service_port_has_its_own_service_only(system, user, service, rpc):
    request = REQUESTS[rpc]().SerializeToString()
    reply = http2_client.call(
        system.grpc_port(service), f"/{rpc}", http2_client.frame(request), token=user.token)
    assert (reply.trailers["grpc-status"] != "12") == rpc.startswith(f"{service}."), reply


def test_a_stub_of_another_service_finds_nothing_on_a_service_port(system, user):
    with open_channel(system.grpc_port("user"), caller=user) as channel:
        call = task_pb2_grpc.TaskServiceStub(channel).GetTask
        assert refusal(call, task_pb2.GetTaskRequest(id=ANY_ID)).status == "UNIMPLEMENTED"


@pytest.mark.parametrize("path", [
    "/task.v1.TaskService/ReadMinds", "/task.v1.TaskService/", "/task.v1.TaskService", "/task.v1.TaskService/gettask",
    "/task.v1.taskservice/GetTask", "/task.v1.TaskService/GetTask/", "/task.v2.TaskService/GetTask",
    "/TaskService/GetTask", "/task.v1.TaskService/GetTask%0A", "/nonsense", "/", "/_session", "/_error/internal",
    "/gateway.v1.Gateway/Check", "/grpc.health.v1.Health/Watch", "/api/v1/tasks", "/health/ready"])
@pytest.mark.parametrize("service", [None, "task"])
def test_a_method_that_nobody_has_is_unimplemented(system, user, service, path):
    reply = http2_client.call(system.grpc_port(service), path, http2_client.frame(b""), token=user.token)
    assert reply.status == 200 and reply.trailers["grpc-status"] == "12", reply
    assert reply.trailers["grpc-message"] == "there is no such method here"


def test_an_unknown_method_is_unimplemented_to_a_stub(system):
    with open_channel(system.grpc_port()) as channel:
        call = channel.unary_unary("/task.v1.TaskService/ReadMinds",
                                   request_serializer=task_pb2.GetTaskRequest.SerializeToString,
                                   response_deserializer=task_pb2.Task.FromString)
        assert refusal(call, task_pb2.GetTaskRequest()).status == "UNIMPLEMENTED"


@pytest.mark.parametrize("content_type", [None, "application/json"])
@pytest.mark.parametrize("method, path", [
    ("GET", "/api/v1/tasks"), ("POST", "/api/v1/tasks"), ("GET", "/health/live"), ("GET", "/"),
    ("GET", "/task.v1.TaskService/GetTask")])
def test_a_browser_that_comes_to_a_grpc_port_is_told_what_it_speaks(system, user, method, path, content_type):
    reply = http2_client.call(
        system.grpc_port(), path, b"{}" if method == "POST" else b"", method=method, token=user.token,
        content_type=content_type)
    assert reply.status == 415 and b"gRPC" in reply.body and reply.trailers is None


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_call_is_a_post_and_nothing_else(system, user, method):
    reply = http2_client.call(
        system.grpc_port(), "/task.v1.TaskService/ListTasks", method=method, token=user.token)
    assert reply.trailers["grpc-status"] == "12" and not reply.body, reply


@pytest.mark.parametrize("rpc", [endpoint.rpc for endpoint in ENDPOINTS.values()])
def test_a_rest_port_has_no_grpc_methods(user, rpc):
    headers = {"Content-Type": "application/grpc"}
    reply = user.call("POST", f"/api/../{rpc}", raw=http2_client.frame(b""), headers=headers)
    expect(reply, 404, "NOT_FOUND")


# The same data by both protocols

def as_rest(moment):
    return datetime.fromisoformat(moment.replace("Z", "+00:00"))


def test_a_task_by_rest_is_read_by_grpc(services, user):
    made = user.new_task(title="by REST", description="…", priority="URGENT", due_date="2030-01-31T17:00:00+01:00")
    read = services(user).tasks.GetTask(task_pb2.GetTaskRequest(id=made["id"]))
    assert (read.title, read.description, read.priority) == ("by REST", "…", task_pb2.URGENT)
    assert read.due_date == at("2030-01-31T16:00:00Z") and (read.version, read.user_id) == (1, user.id)
    assert read.created_at.ToDatetime(timezone.utc) == as_rest(made["created_at"])


def test_a_task_by_grpc_is_read_by_rest(services, user):
    tasks = services(user).tasks
    made = tasks.CreateTask(task_pb2.CreateTaskRequest(
        title="by gRPC", due_date=timestamp_pb2.Timestamp(seconds=1_900_000_000, nanos=5000)))
    path = f"/tasks/{made.id}"
    read = expect(user.get(path), 200)
    assert read["title"] == "by gRPC" and read["description"] is None and read["status"] == "PENDING"
    assert as_rest(read["due_date"]) == made.due_date.ToDatetime(timezone.utc)
    assert as_rest(read["updated_at"]) == made.updated_at.ToDatetime(timezone.utc)
    tag = {"If-Match": user.get(path).headers["ETag"]}
    tasks.UpdateTask(task_pb2.UpdateTaskRequest(id=made.id, title="changed by gRPC", expected_version=1))
    expect(user.patch(path, {"title": "x"}, headers=tag), 412, "VERSION_MISMATCH")
    tasks.DeleteTask(task_pb2.DeleteTaskRequest(id=made.id))
    expect(user.get(path), 404, "TASK_NOT_FOUND")


def test_a_session_by_grpc_is_a_session_by_rest_and_ends_for_both(services, user):
    one = services()
    session = one.auth.Login(auth_pb2.LoginRequest(username=user.username, password=user.password))
    one.token = session.access_token
    expect(user.get("/tasks", token=session.access_token), 200)
    one.tasks.ListTasks(task_pb2.ListTasksRequest())
    expect(user.post("/auth/logout", {"refresh_token": session.refresh_token}), 204)
    time.sleep(1)
    expect(user.get("/tasks", token=session.access_token), 401, "SESSION_REVOKED")
    refusal(one.tasks.ListTasks, task_pb2.ListTasksRequest(), "SESSION_REVOKED")


def test_a_page_token_by_rest_leads_on_by_grpc(services, user):
    made = [user.new_task(title=str(number))["id"] for number in range(3)]
    first = expect(user.get("/tasks?page_size=2"), 200)
    rest = services(user).tasks.ListTasks(task_pb2.ListTasksRequest(
        page_size=2, page_token=first["next_page_token"]))
    assert [task["id"] for task in first["tasks"]] + [task.id for task in rest.tasks] == made[::-1]


# Metadata

def headers_of(call, request, *metadata):
    _, done = call.with_call(request, metadata=metadata)
    return dict(done.initial_metadata())


def test_a_valid_request_id_comes_back_and_is_in_the_log(system, services, user):
    sent = f"grpc-{secrets.token_hex(6)}"
    headers = headers_of(services(user).tasks.ListTasks, task_pb2.ListTasksRequest(), ("x-request-id", sent))
    assert headers["x-request-id"] == sent
    entry = system.log_entry("list-tasks", sent)
    assert entry["rpc"] == "task.v1.TaskService/ListTasks" and entry["grpc_status"] == 0
    assert entry["user_id"] == user.id and entry["function"] == "list-tasks" and entry["duration_ms"] >= 0
    assert "status" not in entry and "method" not in entry and "error" not in entry


def test_a_refusal_is_in_the_log_with_its_code(system, services, user):
    sent = f"grpc-{secrets.token_hex(6)}"
    refused = refusal(services(user).tasks.GetTask, task_pb2.GetTaskRequest(id=ANY_ID), "TASK_NOT_FOUND",
                      metadata=[("x-request-id", sent)])
    assert refused.headers["x-request-id"] == sent
    entry = system.log_entry("get-task", sent)
    assert entry["grpc_status"] == grpc.StatusCode.NOT_FOUND.value[0] and entry["error"] == "TASK_NOT_FOUND"


@pytest.mark.parametrize("sent", [None, "", "a b", "x" * 129, "a/b"])
def test_a_call_without_a_valid_request_id_gets_one(services, user, sent):
    metadata = [] if sent is None else [("x-request-id", sent)]
    headers = headers_of(services(user).tasks.ListTasks, task_pb2.ListTasksRequest(), *metadata)
    assert re.fullmatch(r"[0-9a-f]{32}", headers["x-request-id"])


def test_the_trace_is_in_the_log(system, services, user):
    trace, sent = secrets.token_hex(16), f"grpc-{secrets.token_hex(6)}"
    headers_of(services(user).tasks.ListTasks, task_pb2.ListTasksRequest(), ("x-request-id", sent),
               ("traceparent", f"00-{trace}-{secrets.token_hex(8)}-01"))
    assert system.log_entry("list-tasks", sent)["trace_id"] == trace


@pytest.mark.parametrize("parent", [
    "", "00", "nonsense", f"00-{'0' * 32}-{'1' * 16}-01", f"00-{'1' * 32}-{'0' * 16}-01",
    f"00-{'G' * 32}-{'1' * 16}-01", f"00-{'1' * 31}-{'1' * 16}-01", f"00-{'A' * 32}-{'1' * 16}-01"])
def test_an_invalid_trace_is_left_out(system, services, user, parent):
    sent = f"grpc-{secrets.token_hex(6)}"
    headers_of(services(user).tasks.ListTasks, task_pb2.ListTasksRequest(), ("x-request-id", sent),
               ("traceparent", parent))
    assert "trace_id" not in system.log_entry("list-tasks", sent)


def test_two_tokens_are_refused(services, user, other):
    refused = refusal(services().tasks.ListTasks, task_pb2.ListTasksRequest(), metadata=[
        ("authorization", f"Bearer {user.token}"), ("authorization", f"Bearer {other.token}")])
    # nginx finds it before a function does, as with REST (400).
    assert refused.status in ("INTERNAL", "INVALID_ARGUMENT", "UNAUTHENTICATED"), refused
