"""The requests whose instructions are counted: the most frequent ones."""

import json
import secrets

from client import sign_up

TITLE = "Write the report"


def requests(system):
    """Returns by name the function, and a callable that returns the variables and body of its nth request."""
    account = sign_up(system.url())
    tasks = [account.new_task(f"{TITLE} {number}", description="a line or two, as people write them",
                              due_date="2030-01-31T16:00:00Z") for number in range(60)]
    one, new = tasks[0]["id"], json.dumps({"title": TITLE, "description": "a line", "priority": "HIGH",
                                           "due_date": "2030-01-31T17:00:00+01:00"})

    def rest(method, path, body=""):
        variables = {
            "REQUEST_METHOD": method, "DOCUMENT_URI": path, "REQUEST_URI": path, "QUERY_STRING": "",
            "CONTENT_TYPE": "application/json" if body else "", "REMOTE_ADDR": "127.0.0.1",
            "REQUEST_ID": secrets.token_hex(16), "HTTP_HOST": "127.0.0.1:8080", "HTTP_USER_AGENT": "bench/1.0",
            "HTTP_ACCEPT": "*/*", "HTTP_AUTHORIZATION": f"Bearer {account.token}"}
        return lambda _number: (variables, body.encode())

    def grpc(method, message):
        path = f"/task.v1.TaskService/{method}"
        variables = {**rest("POST", path)(0)[0], "CONTENT_TYPE": "application/grpc", "RPC": path, "HTTP_TE": "trailers"}
        return lambda _number: (variables, b"\0" + len(message).to_bytes(4, "big") + message)

    return {
        "get-task": ("get-task", rest("GET", f"/api/v1/tasks/{one}")),
        "get-task by gRPC": ("get-task", grpc("GetTask", b"\x0a" + bytes([len(one)]) + one.encode())),
        "list-tasks": ("list-tasks", rest("GET", "/api/v1/tasks")),
        "list-tasks by gRPC": ("list-tasks", grpc("ListTasks", b"")),
        "create-task": ("create-task", rest("POST", "/api/v1/tasks", new)),
    }
