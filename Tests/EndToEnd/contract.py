"""What the API promises, as data: the endpoints, the resources' fields and the error codes."""

from typing import NamedTuple


class Endpoint(NamedTuple):
    method: str
    path: str
    service: str
    needs_token: bool


ENDPOINTS = {
    "create-user": Endpoint("POST", "/users", "user", False),
    "get-user": Endpoint("GET", "/users/{id}", "user", True),
    "update-user": Endpoint("PATCH", "/users/{id}", "user", True),
    "delete-user": Endpoint("DELETE", "/users/{id}", "user", True),
    "list-users": Endpoint("GET", "/users", "user", True),
    "login": Endpoint("POST", "/auth/login", "auth", False),
    "validate-token": Endpoint("POST", "/auth/validate", "auth", False),
    "refresh-token": Endpoint("POST", "/auth/refresh", "auth", False),
    "logout": Endpoint("POST", "/auth/logout", "auth", False),
    "create-task": Endpoint("POST", "/tasks", "task", True),
    "get-task": Endpoint("GET", "/tasks/{id}", "task", True),
    "update-task": Endpoint("PATCH", "/tasks/{id}", "task", True),
    "delete-task": Endpoint("DELETE", "/tasks/{id}", "task", True),
    "list-tasks": Endpoint("GET", "/tasks", "task", True),
    "list-user-tasks": Endpoint("GET", "/users/{id}/tasks", "task", True),
}
ASKED_BY_NGINX = ["verify-token", "check-session"]
FUNCTIONS = [*ENDPOINTS, "health", *ASKED_BY_NGINX]
OPERATOR_TOOLS = ["migrate", "create-admin"]

GATEWAY_PORT = 8080
SERVICE_PORTS = {"user": 8081, "auth": 8082, "task": 8083}

USER_FIELDS = {
    "id", "username", "email", "full_name", "role", "time_zone",
    "created_at", "updated_at", "version",
}
TASK_FIELDS = {
    "id", "title", "description", "status", "priority", "user_id", "due_date",
    "created_at", "updated_at", "version",
}

ERROR_CODES = {
    400: {"INVALID_ARGUMENT", "MALFORMED_JSON", "INVALID_PAGE_TOKEN"},
    401: {
        "UNAUTHENTICATED", "TOKEN_INVALID", "TOKEN_EXPIRED", "SESSION_REVOKED",
        "INVALID_CREDENTIALS", "REFRESH_TOKEN_INVALID", "REFRESH_TOKEN_EXPIRED",
        "REFRESH_TOKEN_REUSED",
    },
    403: {"PERMISSION_DENIED"},
    404: {"NOT_FOUND", "USER_NOT_FOUND", "TASK_NOT_FOUND"},
    405: {"METHOD_NOT_ALLOWED"},
    408: {"REQUEST_TIMEOUT"},
    409: {"USERNAME_TAKEN", "EMAIL_TAKEN", "INVALID_TRANSITION"},
    412: {"VERSION_MISMATCH"},
    413: {"PAYLOAD_TOO_LARGE"},
    414: {"URI_TOO_LONG"},
    415: {"UNSUPPORTED_MEDIA_TYPE"},
    429: {"RATE_LIMITED"},
    431: {"HEADERS_TOO_LARGE"},
    500: {"INTERNAL"},
    503: {"UNAVAILABLE"},
    504: {"DEADLINE_EXCEEDED"},
}

STATUSES = ["PENDING", "IN_PROGRESS", "COMPLETED", "CANCELLED"]
PRIORITIES = ["LOW", "MEDIUM", "HIGH", "URGENT"]
MOVES = {
    "PENDING": {"PENDING", "IN_PROGRESS", "COMPLETED", "CANCELLED"},
    "IN_PROGRESS": {"IN_PROGRESS", "PENDING", "COMPLETED", "CANCELLED"},
    "COMPLETED": {"COMPLETED", "IN_PROGRESS"},
    "CANCELLED": {"CANCELLED", "PENDING"},
}
