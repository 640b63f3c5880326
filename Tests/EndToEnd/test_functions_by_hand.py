"""Each function by itself in a shell: one request as plain CGI, or one message with `--once`."""

import json
import subprocess

import pytest

from client import expect, wrong_with_error
from contract import ENDPOINTS, FUNCTIONS, TASK_FIELDS
from grpc_client import task_pb2
from http2_client import frame

ANY_ID = "01890000-0000-7000-8000-000000000000"
#: A function without required settings.
NEEDS_NOTHING = ["reflect-server"]


def as_cgi(system, function, method, path, token=None, body=b"", query=""):
    """Sends a request to a function as a CGI program; returns status, headers and body."""
    variables = {
        "REQUEST_METHOD": method, "DOCUMENT_URI": path, "REQUEST_URI": path + ("?" + query if query else ""),
        "QUERY_STRING": query, "REMOTE_ADDR": "127.0.0.1", "REQUEST_ID": "by-hand",
        "CONTENT_TYPE": "application/json" if body else "", "CONTENT_LENGTH": str(len(body)) if body else ""}
    if token:
        variables["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    done = system.run_function(function, stdin=body, **variables)
    head, separator, answer = done.stdout.partition(b"\r\n\r\n")
    assert separator, done
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    assert done.returncode == 0, done
    return int(headers.pop("Status").split()[0]), headers, answer


def once(system, function, message, *arguments):
    """Returns the exit status and the JSON of `FUNCTION --once`."""
    done = system.run_function(function, "--once", *arguments, stdin=json.dumps(message).encode())
    return done.returncode, json.loads(done.stdout or done.stderr or b"null")


def test_a_read_answers_as_a_cgi_program(system, user):
    task = user.new_task(title="by hand")
    status, headers, body = as_cgi(system, "get-task", "GET", f"/api/v1/tasks/{task['id']}", user.token)
    assert status == 200 and json.loads(body) == task
    assert headers["Content-Type"].startswith("application/json") and headers["ETag"] == '"1"'
    assert int(headers["Content-Length"]) == len(body)


def test_a_write_answers_as_a_cgi_program(system, user):
    status, headers, body = as_cgi(
        system, "create-task", "POST", "/api/v1/tasks", user.token, b'{"title": "by hand"}')
    assert status == 201 and set(json.loads(body)) == TASK_FIELDS
    expect(user.get(f"/tasks/{json.loads(body)['id']}"), 200)


def test_a_query_is_read_as_a_cgi_program(system, user):
    user.new_task()
    user.new_task()
    status, _, body = as_cgi(system, "list-tasks", "GET", "/api/tasks", user.token, query="page_size=1")
    assert status == 200 and len(json.loads(body)["tasks"]) == 1


@pytest.mark.parametrize("function", ENDPOINTS)
def test_every_function_answers_by_hand(system, function):
    endpoint = ENDPOINTS[function]
    status, headers, body = as_cgi(
        system, function, endpoint.method, "/api/v1" + endpoint.path.format(id=ANY_ID), body=b"{}"
        if endpoint.method in ("POST", "PATCH") else b"")
    # The link's token is in the path, and this one was not issued by us.
    assert status == (401 if endpoint.needs_token else 404 if function == "unsubscribe" else 400), body
    assert wrong_with_error(status, {**headers, "X-Request-Id": "given by nginx"}, body) is None


def test_health_answers_by_hand(system):
    status, _, body = as_cgi(system, "health", "GET", "/health/ready")
    assert status == 200 and json.loads(body)["status"] == "UP"


def test_the_functions_that_grpc_alone_reaches_answer_by_hand(system):
    assert once(system, "check-health", {"service": "task.v1.TaskService"}) == (0, {"status": "SERVING"})
    code, answer = once(system, "check-health", {"service": "none"})
    assert code == 1 and answer["code"] == "NOT_FOUND"
    code, answer = once(system, "reflect-server", {"list_services": ""})
    assert code == 0 and "task.v1.TaskService" in answer["services"]


def test_a_call_by_grpc_answers_as_a_cgi_program(system, user):
    task = user.new_task(title="by hand")
    body = frame(task_pb2.GetTaskRequest(id=task["id"]).SerializeToString())
    done = system.run_function("get-task", stdin=body, **{
        "REQUEST_METHOD": "POST", "RPC": "/task.v1.TaskService/GetTask", "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)), "HTTP_AUTHORIZATION": f"Bearer {user.token}"})
    head, _, answer = done.stdout.partition(b"\r\n\r\n")
    assert b"\r\nX-Grpc-Status: 0" in head and b"Content-Type: application/grpc" in head
    assert task_pb2.Task.FromString(answer[5:]).title == "by hand"


def test_once_takes_a_message_and_answers_with_one(system, user):
    task = user.new_task(title="by hand")
    code, answer = once(system, "get-task", {"id": task["id"]}, "--as", f"{user.id}:USER")
    assert code == 0 and answer["id"] == task["id"] and answer["title"] == "by hand"


def test_once_writes(system, user):
    code, answer = once(system, "create-task", {"title": "by hand"}, "--as", f"{user.id}:USER")
    assert code == 0
    assert expect(user.get(f"/tasks/{answer['id']}"), 200)["title"] == "by hand"


def test_once_is_bound_to_the_rights_of_whom_it_acts_for(system, user, other):
    task = user.new_task()
    code, answer = once(system, "get-task", {"id": task["id"]}, "--as", f"{other.id}:USER")
    assert code == 1 and answer["code"] == "TASK_NOT_FOUND"
    code, _ = once(system, "get-task", {"id": task["id"]}, "--as", f"{other.id}:ADMIN")
    assert code == 0


@pytest.mark.parametrize("message, arguments", [
    ({"id": ANY_ID}, ()), ({"title": "x" * 300}, ("--as", f"{ANY_ID}:USER")),
    ({"nonsense": 1}, ("--as", f"{ANY_ID}:USER"))])
def test_once_ends_with_1_and_the_error_on_a_problem(system, message, arguments):
    code, answer = once(system, "create-task", message, *arguments)
    assert code == 1 and answer["error"] and answer["code"] in ("UNAUTHENTICATED", "INVALID_ARGUMENT")


@pytest.mark.parametrize("function", [function for function in FUNCTIONS if function not in NEEDS_NOTHING])
def test_a_function_without_its_settings_says_what_is_missing(system, function):
    done = subprocess.run([system.executable_of(function)], env={}, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=10, cwd="/")
    missing = {"verify-token": b"JWT_KEYS_FILE", "get-push-key": b"VAPID_KEY_FILE"}.get(function, b"DATABASE_URL")
    assert missing in done.stderr + done.stdout
