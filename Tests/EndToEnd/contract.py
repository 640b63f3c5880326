"""The API's promises as data: the endpoints, the resources' fields and the error codes."""

from typing import NamedTuple


class Endpoint(NamedTuple):
    method: str
    path: str
    service: str
    needs_token: bool
    rpc: str


ENDPOINTS = {
    "create-user": Endpoint("POST", "/users", "user", False, "user.v1.UserService/CreateUser"),
    "get-user": Endpoint("GET", "/users/{id}", "user", True, "user.v1.UserService/GetUser"),
    "update-user": Endpoint("PATCH", "/users/{id}", "user", True, "user.v1.UserService/UpdateUser"),
    "delete-user": Endpoint("DELETE", "/users/{id}", "user", True, "user.v1.UserService/DeleteUser"),
    "list-users": Endpoint("GET", "/users", "user", True, "user.v1.UserService/ListUsers"),
    "unsubscribe": Endpoint("POST", "/unsubscribe/{id}", "user", False, "user.v1.UserService/Unsubscribe"),
    "login": Endpoint("POST", "/auth/login", "auth", False, "auth.v1.AuthService/Login"),
    "validate-token": Endpoint("POST", "/auth/validate", "auth", False, "auth.v1.AuthService/ValidateToken"),
    "refresh-token": Endpoint("POST", "/auth/refresh", "auth", False, "auth.v1.AuthService/RefreshToken"),
    "logout": Endpoint("POST", "/auth/logout", "auth", False, "auth.v1.AuthService/Logout"),
    "create-task": Endpoint("POST", "/tasks", "task", True, "task.v1.TaskService/CreateTask"),
    "get-task": Endpoint("GET", "/tasks/{id}", "task", True, "task.v1.TaskService/GetTask"),
    "update-task": Endpoint("PATCH", "/tasks/{id}", "task", True, "task.v1.TaskService/UpdateTask"),
    "delete-task": Endpoint("DELETE", "/tasks/{id}", "task", True, "task.v1.TaskService/DeleteTask"),
    "list-tasks": Endpoint("GET", "/tasks", "task", True, "task.v1.TaskService/ListTasks"),
    "list-user-tasks": Endpoint("GET", "/users/{id}/tasks", "task", True, "task.v1.TaskService/ListUserTasks"),
    "send-email": Endpoint("POST", "/notifications/email", "notification", True,
                           "notification.v1.NotificationService/SendEmail"),
    "get-notification": Endpoint("GET", "/notifications/{id}", "notification", True,
                                 "notification.v1.NotificationService/GetNotification"),
    "list-notifications": Endpoint("GET", "/notifications", "notification", True,
                                   "notification.v1.NotificationService/ListNotifications"),
    "send-push-notification": Endpoint("POST", "/notifications/push", "notification", True,
                                       "notification.v1.NotificationService/SendPushNotification"),
    "get-push-key": Endpoint("GET", "/push-key", "notification", True,
                             "notification.v1.NotificationService/GetPushKey"),
    "register-push-subscription": Endpoint("POST", "/push-subscriptions", "notification", True,
                                           "notification.v1.NotificationService/RegisterPushSubscription"),
    "list-push-subscriptions": Endpoint("GET", "/push-subscriptions", "notification", True,
                                        "notification.v1.NotificationService/ListPushSubscriptions"),
    "delete-push-subscription": Endpoint("DELETE", "/push-subscriptions/{id}", "notification", True,
                                         "notification.v1.NotificationService/DeletePushSubscription"),
}
ASKED_BY_NGINX = ["verify-token", "check-session"]
#: Methods that only gRPC reaches; the last two are defined by gRPC itself.
GRPC_ONLY = {
    "delete-user-tasks": "task.v1.TaskService/DeleteUserTasks",
    "send-task-reminder": "notification.v1.NotificationService/SendTaskReminder",
    "notify-user": "notification.v1.NotificationService/NotifyUser",
    "save-contact": "notification.v1.NotificationService/SaveContact",
    "forget-user": "notification.v1.NotificationService/ForgetUser",
    "check-health": "grpc.health.v1.Health/Check",
    "reflect-server": "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
}
FUNCTIONS = [*ENDPOINTS, "health", *ASKED_BY_NGINX, *GRPC_ONLY]
#: The jobs that cron starts, and their services.
JOBS = {
    "relay-events": ["user", "task"],
    "dispatch-reminders": ["task"],
    "deliver-notifications": ["notification"],
    "purge-expired": ["user", "auth", "task", "notification"],
}
OPERATOR_TOOLS = ["migrate", "create-admin", "check-settings", "generate-bindings"]

GATEWAY_PORT = 8080
SERVICE_PORTS = {"user": 8081, "auth": 8082, "task": 8083, "notification": 8084}
GRPC_GATEWAY_PORT = 50050
GRPC_SERVICE_PORTS = {"user": 50051, "auth": 50052, "task": 50053, "notification": 50054}

USER_FIELDS = {
    "id", "username", "email", "full_name", "role", "time_zone",
    "created_at", "updated_at", "version", "email_notifications", "push_notifications",
}
TASK_FIELDS = {
    "id", "title", "description", "status", "priority", "user_id", "due_date",
    "created_at", "updated_at", "version", "reminders",
}
NOTIFICATION_FIELDS = {
    "id", "type", "recipient", "subject", "body", "sent", "created_at", "user_id", "sent_at",
    "attempts", "next_attempt_at", "last_error",
}
PUSH_SUBSCRIPTION_FIELDS = {"id", "user_id", "endpoint", "created_at", "expires_at"}

ERROR_CODES = {
    400: {"INVALID_ARGUMENT", "MALFORMED_JSON", "MALFORMED_MESSAGE", "INVALID_PAGE_TOKEN"},
    401: {
        "UNAUTHENTICATED", "TOKEN_INVALID", "TOKEN_EXPIRED", "SESSION_REVOKED",
        "INVALID_CREDENTIALS", "REFRESH_TOKEN_INVALID", "REFRESH_TOKEN_EXPIRED",
        "REFRESH_TOKEN_REUSED",
    },
    403: {"PERMISSION_DENIED", "WRONG_PASSWORD"},
    404: {"NOT_FOUND", "USER_NOT_FOUND", "TASK_NOT_FOUND", "NOTIFICATION_NOT_FOUND",
          "SUBSCRIPTION_NOT_FOUND", "LINK_NOT_FOUND"},
    405: {"METHOD_NOT_ALLOWED"},
    408: {"REQUEST_TIMEOUT"},
    409: {"USERNAME_TAKEN", "EMAIL_TAKEN", "INVALID_TRANSITION", "CONTACT_UNKNOWN", "NO_SUBSCRIPTION"},
    412: {"VERSION_MISMATCH"},
    413: {"PAYLOAD_TOO_LARGE"},
    414: {"URI_TOO_LONG"},
    415: {"UNSUPPORTED_MEDIA_TYPE", "UNSUPPORTED_ENCODING"},
    429: {"RATE_LIMITED"},
    431: {"HEADERS_TOO_LARGE"},
    500: {"INTERNAL"},
    503: {"UNAVAILABLE"},
    504: {"DEADLINE_EXCEEDED"},
}
#: The codes that refuse an access token; those of all other 401 say nothing about it.
ABOUT_A_TOKEN = {"TOKEN_INVALID", "TOKEN_EXPIRED", "SESSION_REVOKED"}
#: The status of a gRPC call for each code. Codes that only HTTP has are missing.
GRPC_STATUSES = {
    "INVALID_ARGUMENT": "INVALID_ARGUMENT",
    "MALFORMED_JSON": "INVALID_ARGUMENT",
    "INVALID_PAGE_TOKEN": "INVALID_ARGUMENT",
    "UNSUPPORTED_MEDIA_TYPE": "INVALID_ARGUMENT",
    **dict.fromkeys(ERROR_CODES[401], "UNAUTHENTICATED"),
    **dict.fromkeys(ERROR_CODES[403], "PERMISSION_DENIED"),
    **dict.fromkeys(ERROR_CODES[404], "NOT_FOUND"),
    "METHOD_NOT_ALLOWED": "UNIMPLEMENTED",
    "UNSUPPORTED_ENCODING": "UNIMPLEMENTED",
    "USERNAME_TAKEN": "ALREADY_EXISTS",
    "EMAIL_TAKEN": "ALREADY_EXISTS",
    "INVALID_TRANSITION": "FAILED_PRECONDITION",
    "CONTACT_UNKNOWN": "FAILED_PRECONDITION",
    "NO_SUBSCRIPTION": "FAILED_PRECONDITION",
    "VERSION_MISMATCH": "ABORTED",
    "PAYLOAD_TOO_LARGE": "RESOURCE_EXHAUSTED",
    "RATE_LIMITED": "RESOURCE_EXHAUSTED",
    "MALFORMED_MESSAGE": "INTERNAL",
    "INTERNAL": "INTERNAL",
    "UNAVAILABLE": "UNAVAILABLE",
    "DEADLINE_EXCEEDED": "DEADLINE_EXCEEDED",
}

STATUSES = ["PENDING", "IN_PROGRESS", "COMPLETED", "CANCELLED"]
PRIORITIES = ["LOW", "MEDIUM", "HIGH", "URGENT"]
MOVES = {
    "PENDING": {"PENDING", "IN_PROGRESS", "COMPLETED", "CANCELLED"},
    "IN_PROGRESS": {"IN_PROGRESS", "PENDING", "COMPLETED", "CANCELLED"},
    "COMPLETED": {"COMPLETED", "PENDING", "IN_PROGRESS"},
    "CANCELLED": {"CANCELLED", "PENDING", "IN_PROGRESS"},
}
