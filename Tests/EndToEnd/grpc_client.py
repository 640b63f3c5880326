"""gRPC clients that Google's own compiler generates from the contract, and their errors taken apart."""

import base64
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple, Optional

import grpc
from google.protobuf import message_factory
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2_grpc
from grpc_status import rpc_status
from grpc_tools import protoc

from contract import GRPC_STATUSES
from system import REPOSITORY

PROTOS = REPOSITORY / "Shared/API/Protos"
DOMAIN = "task-management"
#: Longer than the gateway takes for any request.
PATIENCE_SECONDS = 10


def _generate(folder):
    well_known = Path(protoc.__file__).parent / "_proto"
    common = Path(error_details_pb2.__file__).parents[2]    # googleapis-common-protos
    sources = [str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto")]
    failed = protoc.main(["protoc", f"-I{PROTOS}", f"-I{well_known}", f"-I{common}",
                          f"--python_out={folder}",
                          f"--grpc_python_out={folder}", *sources])
    assert not failed, f"protoc does not take {sources}"


with tempfile.TemporaryDirectory(prefix="contract-") as _folder:
    _generate(_folder)
    sys.path.insert(0, _folder)
    # The contract's options are a package called `contract`, like our witness; a package without this file
    # would come second.
    (Path(_folder) / "contract" / "__init__.py").touch()
    _witness = sys.modules.pop("contract")
    from auth.v1 import auth_pb2, auth_pb2_grpc
    from notification.v1 import notification_pb2, notification_pb2_grpc
    from task.v1 import task_pb2, task_pb2_grpc
    from user.v1 import user_pb2, user_pb2_grpc
    sys.path.remove(_folder)
    sys.modules["contract"] = _witness

#: The gRPC services of the contract, by the name of the service that implements them.
CONTRACT = {
    "user": user_pb2.DESCRIPTOR.services_by_name["UserService"],
    "auth": auth_pb2.DESCRIPTOR.services_by_name["AuthService"],
    "task": task_pb2.DESCRIPTOR.services_by_name["TaskService"],
    "notification": notification_pb2.DESCRIPTOR.services_by_name["NotificationService"],
}
#: The request's class of each method, by `task.v1.TaskService/GetTask` and the like.
REQUESTS = {
    f"{service.full_name}/{method.name}": message_factory.GetMessageClass(method.input_type)
    for service in CONTRACT.values() for method in service.methods
}


class _CallDetails(NamedTuple):
    method: str
    timeout: Optional[float]
    metadata: Optional[list]
    credentials: object
    wait_for_ready: Optional[bool]
    compression: object


class _Patience(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor,
                grpc.StreamStreamClientInterceptor):
    """Gives every call a time limit and, if there is one, the caller's token."""

    def __init__(self, caller=None):
        self.caller = caller

    def intercept_unary_unary(self, continuation, details, request):
        metadata = list(details.metadata or [])
        token = self.caller and self.caller.token
        if token and "authorization" not in dict(metadata):
            metadata.append(("authorization", f"Bearer {token}"))
        timeout = PATIENCE_SECONDS if details.timeout is None else details.timeout
        return continuation(_CallDetails(
            details.method, timeout, metadata, details.credentials, details.wait_for_ready,
            details.compression), request)

    intercept_unary_stream = intercept_stream_stream = intercept_unary_unary


def open_channel(port, caller=None, **more):
    """Opens a separate connection to a port of this machine, for a caller with or without a token."""
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[
        ("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)], **more)
    return grpc.intercept_channel(channel, _Patience(caller))


def base64_decoded(text):
    """Decodes a `-bin` trailer, whose padding is left out on the wire."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


class Services:
    """The stubs of all services, for a caller with or without an access token.

    They use the gateway's port, or each the port of its own service.
    """

    def __init__(self, system, token=None, own_ports=False):
        self.token = token
        self._channels = {}

        def channel(service):
            port = system.grpc_port(service if own_ports else None)
            if port not in self._channels:
                self._channels[port] = open_channel(port, caller=self)
            return self._channels[port]

        self.users = user_pb2_grpc.UserServiceStub(channel("user"))
        self.auth = auth_pb2_grpc.AuthServiceStub(channel("auth"))
        self.tasks = task_pb2_grpc.TaskServiceStub(channel("task"))
        self.notifications = notification_pb2_grpc.NotificationServiceStub(channel("notification"))
        self.health = health_pb2_grpc.HealthStub(channel(None))

    def method(self, rpc):
        """The call of `task.v1.TaskService/GetTask` and the like."""
        service, name = rpc.split("/")
        stub = {"user": self.users, "auth": self.auth, "task": self.tasks,
                "notification": self.notifications}[service.split(".")[0]]
        return getattr(stub, name)

    def close(self):
        for channel in self._channels.values():
            channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Refusal(NamedTuple):
    """The error of a call."""
    #: gRPC's name of the status.
    status: str
    #: Our code; None if there are no details.
    code: Optional[str]
    message: str
    #: The reasons, by invalid field.
    fields: dict
    #: The metadata of the code.
    metadata: dict
    #: The initial metadata.
    headers: dict


def read(error):
    """Takes a grpc.RpcError apart.

    Fails if the details do not match the status and message beside them, or do not have the one shape.
    """
    status = rpc_status.from_call(error)
    headers = dict(error.initial_metadata() or [])
    name = error.code().name
    if status is None:
        return Refusal(name, None, error.details(), {}, {}, headers)
    info, fields = error_details_pb2.ErrorInfo(), {}
    [first, *rest] = status.details
    assert first.Unpack(info), f"the details begin with {first.type_url}"
    for detail in rest:
        bad_request = error_details_pb2.BadRequest()
        assert detail.Unpack(bad_request), f"a detail is a {detail.type_url}"
        fields |= {violation.field: violation.description for violation in bad_request.field_violations}
    assert len(rest) <= 1 and all(fields) and all(fields.values()), status
    assert info.domain == DOMAIN, info
    assert GRPC_STATUSES.get(info.reason) == name, f"{info.reason} came as {name}"
    return Refusal(name, info.reason, error.details(), fields, dict(info.metadata), headers)


def refusal(call, request, code=None, **more):
    """Returns how a call was refused; fails if it was not, or with another code than `code`."""
    try:
        answer = call(request, **more)
    except grpc.RpcError as error:
        refused = read(error)
        assert code in (None, refused.code), refused
        return refused
    raise AssertionError(f"expected {code or 'a refusal'}: {answer}")
