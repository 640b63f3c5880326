"""Clients that generators make of openapi.json: they have every type by its name, and do what a user does."""

import importlib
import json
import re
import subprocess
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from client import PASSWORD
from contract import ERROR_CODES
from system import REPOSITORY

DESCRIPTION = REPOSITORY / "Shared/API/openapi.json"
DOCUMENT = json.loads(DESCRIPTION.read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = {operation["operationId"]: (method, path, operation)
              for path, item in DOCUMENT["paths"].items() for method, operation in item.items()}
PROGRAMS = Path(sys.executable).parent
SECONDS = 180

GENERATORS = {
    "python": ["openapi-generator-cli", "generate", "-g", "python", "-i", DESCRIPTION,
               "-o", "python", "--additional-properties=packageName=made_by_openapi_generator"],
    "typescript": ["openapi-generator-cli", "generate", "-g", "typescript-fetch", "-i", DESCRIPTION,
                   "-o", "typescript"],
    # Swift's own `Task` is needed by the client.
    "swift": ["openapi-generator-cli", "generate", "-g", "swift6", "-i", DESCRIPTION, "-o", "swift",
              "--model-name-mappings", "Task=TaskItem"],
    "openapi-python-client": ["openapi-python-client", "generate", "--path", DESCRIPTION, "--meta", "none",
                              "--output-path", "made_by_openapi_python_client"],
    "datamodel-code-generator": ["datamodel-codegen", "--input", DESCRIPTION, "--input-file-type", "openapi",
                                 "--output-model-type", "pydantic_v2.BaseModel", "--formatters", "builtin",
                                 "--output", "made_by_datamodel_code_generator.py"],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder in which each generator has made its client."""
    folder = tmp_path_factory.mktemp("clients")

    def generate(command):
        return subprocess.run([PROGRAMS / command[0], *command[1:]], cwd=folder, capture_output=True, text=True,
                              timeout=SECONDS)
    with ThreadPoolExecutor(2) as threads:
        for name, done in zip(GENERATORS, threads.map(generate, GENERATORS.values())):
            assert done.returncode == 0, f"{name}: {(done.stdout + done.stderr)[-4000:]}"
    sys.path.insert(0, str(folder))
    sys.path.insert(0, str(folder / "python"))
    yield folder
    sys.path.remove(str(folder))
    sys.path.remove(str(folder / "python"))


# Three clients, called in one way

class ByOpenAPIGenerator:
    """The client of openapi-generator's generator "python"."""

    def __init__(self, url):
        self.models = importlib.import_module("made_by_openapi_generator")
        self.configuration = self.models.Configuration(host=url)
        self.client = self.models.ApiClient(self.configuration)

    def use(self, token):
        self.configuration.access_token = token

    def call(self, tag, operation, body=None, **parameters):
        """Calls an operation; returns its status and its answer."""
        api = getattr(self.models, "".join(map(str.capitalize, tag.split("_"))) + "Api")(self.client)
        if body is not None:
            parameters[snake(type(body).__name__)] = body
        try:
            reply = getattr(api, operation + "_with_http_info")(**parameters)
            return reply.status_code, reply.data
        except self.models.ApiException as refusal:
            return refusal.status, refusal.data


class ByOpenAPIPythonClient:
    """The client of openapi-python-client."""

    def __init__(self, url):
        self.package = importlib.import_module("made_by_openapi_python_client")
        self.models = importlib.import_module("made_by_openapi_python_client.models")
        self.url = url
        self.client = self.package.Client(base_url=url, httpx_args={"trust_env": False})

    def use(self, token):
        self.client = self.package.AuthenticatedClient(base_url=self.url, token=token, httpx_args={"trust_env": False})

    def call(self, tag, operation, body=None, **parameters):
        module = importlib.import_module(f"made_by_openapi_python_client.api.{tag}.{operation}")
        if body is not None:
            parameters["body"] = body
        reply = module.sync_detailed(client=self.client, **parameters)
        return reply.status_code.value, reply.parsed


class ByDatamodelCodeGenerator:
    """The models of datamodel-code-generator, sent and received by requests."""

    def __init__(self, url):
        self.models = importlib.import_module("made_by_datamodel_code_generator")
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def use(self, token):
        self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, _tag, operation, body=None, **parameters):
        name = re.sub(r"_(.)", lambda match: match[1].upper(), operation)
        method, path, described = OPERATIONS[name]
        headers = {"If-Match": parameters.pop("if_match")} if "if_match" in parameters else {}
        query = {name: value for name, value in parameters.items() if f"{{{name}}}" not in path}
        query = {name: [getattr(one, "value", one) for one in (value if isinstance(value, list) else [value])]
                 for name, value in query.items()}
        # The simplest way to write a request: no field that was not set, and nothing special about a password.
        sent = None if body is None else body.model_dump(mode="json", exclude_unset=True)
        reply = self.session.request(method, self.url + path.format(**parameters), json=sent, params=query,
                                     headers=headers, timeout=15)
        answer = described["responses"][str(reply.status_code)]
        if "$ref" in answer:
            answer = DOCUMENT["components"]["responses"][answer["$ref"].split("/")[-1]]
        if "content" not in answer:
            assert not reply.content
            return reply.status_code, None
        model = answer["content"]["application/json"]["schema"]["$ref"].split("/")[-1]
        return reply.status_code, getattr(self.models, model).model_validate_json(reply.content)


@pytest.fixture(params=[ByOpenAPIGenerator, ByOpenAPIPythonClient, ByDatamodelCodeGenerator],
                ids=["openapi-generator", "openapi-python-client", "datamodel-code-generator"])
def client(made, system, request):
    return request.param(system.url())


# What they are made of

def snake(name):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def test_every_operation_is_a_method_of_its_tag(made):
    """A generator may leave out what it does not understand, and succeed all the same."""
    expected = {(operation["tags"][0].replace("-", "_"), snake(name)) for name, (_, _, operation) in OPERATIONS.items()}
    functions = (made / "made_by_openapi_python_client/api").glob("*/[!_]*.py")
    assert {(path.parent.name, path.stem) for path in functions} == expected
    methods = {(path.stem.removesuffix("_api"), name)
               for path in (made / "python/made_by_openapi_generator/api").glob("*_api.py")
               for name in re.findall(r"^    def ([a-z]\w+)_with_http_info\(", path.read_text(), re.M)}
    assert methods == expected


def test_every_type_has_the_name_that_the_contract_gives_it(made):
    expected = {snake(name) for name in SCHEMAS}
    python = {path.stem for path in (made / "python/made_by_openapi_generator/models").glob("[!_]*.py")}
    assert python == expected
    # Texts by their names become types of their own here.
    other = {path.stem for path in (made / "made_by_openapi_python_client/models").glob("[!_]*.py")}
    assert other == expected | {"error_details", "probe_response_checks"}
    classes = set(re.findall(r"^class (\w+)", (made / "made_by_datamodel_code_generator.py").read_text(), re.M))
    assert classes == set(SCHEMAS) | {"Reminder"}       # a number with its bounds
    # `Error` is a type of the language.
    typescript = {path.stem for path in (made / "typescript/models").glob("*.ts")} - {"index"}
    assert typescript == set(SCHEMAS) - {"Error"} | {"ModelError"}


def test_no_parameter_and_no_field_has_lost_its_type(made):
    package = made / "python/made_by_openapi_generator"
    for file in [*package.glob("models/[!_]*.py"), *package.glob("api/*_api.py")]:
        for line in file.read_text().splitlines():
            assert not re.match(r"\s+(?!_)\w+: .*\bAny\b(?!\])", line), f"{file.name}: {line}"
    for file in (made / "typescript").glob("**/*.ts"):
        if file.name != "runtime.ts":
            assert not re.search(r"^ {4}\w+\??: .*\b(any|object)\b", file.read_text(), re.M), file.name


# What a user does

def test_a_user_signs_up_works_and_signs_out(client):
    models = client.models
    name = f"made-{uuid4().hex[:12]}"

    def refused(expected, code, /, *call, **arguments):
        found, error = client.call(*call, **arguments)
        assert found == expected and isinstance(error, models.Error), (found, error)
        assert error.code == code and code in ERROR_CODES[found] and error.error
        return error

    def done(expected, /, *call, **arguments):
        found, answer = client.call(*call, **arguments)
        assert found == expected, (found, answer)
        return answer

    # Too short in bytes, which no schema can say.
    draft = {"username": name, "email": f"{name}@example.com"}
    error = refused(400, "INVALID_ARGUMENT", "users", "create_user",
                    body=models.CreateUserRequest(**draft, password="short"))
    details = error.details if isinstance(error.details, dict) else error.details.additional_properties
    assert set(details) == {"password"}
    account = done(201, "users", "create_user", body=models.CreateUserRequest(**draft, password=PASSWORD))
    assert account.username == name and account.role == models.Role.USER and account.full_name is None

    refused(401, "UNAUTHENTICATED", "tasks", "list_tasks")
    refused(401, "INVALID_CREDENTIALS", "sign_in", "login", body=models.LoginRequest(username=name, password="wrong"))
    session = done(200, "sign_in", "login", body=models.LoginRequest(email=account.email, password=PASSWORD))
    assert session.user.id == account.id and session.token_type == models.TokenType("Bearer")
    session = done(200, "sign_in", "login", body=models.LoginRequest(username=name, password=PASSWORD))
    client.use(session.access_token)

    due = datetime(2030, 1, 31, 16, tzinfo=timezone.utc)
    task = done(201, "tasks", "create_task", body=models.CreateTaskRequest(
        title="Paint", description="Blue", priority=models.TaskPriority.URGENT, due_date=due, reminders=[1440, 60]))
    assert (task.title, task.description, task.due_date) == ("Paint", "Blue", due)
    assert task.status == models.TaskStatus.PENDING and task.priority == models.TaskPriority.URGENT
    assert [getattr(minutes, "root", minutes) for minutes in task.reminders] == [1440, 60]
    assert done(200, "tasks", "get_task", id=task.id) == task
    other = done(201, "tasks", "create_task", body=models.CreateTaskRequest(title="Rest", status=None))
    assert other.description is None and other.due_date is None and other.reminders is None

    page = done(200, "tasks", "list_tasks", page_size=1, status=[models.TaskStatus.PENDING],
                order_by=models.TaskOrder("created_at desc"))
    assert [one.id for one in page.tasks] == [other.id] and page.next_page_token
    page = done(200, "tasks", "list_tasks", page_size=1, status=[models.TaskStatus.PENDING],
                order_by=models.TaskOrder("created_at desc"), page_token=page.next_page_token)
    assert [one.id for one in page.tasks] == [task.id]

    cleared = done(200, "tasks", "update_task", id=task.id, if_match='"1"',
                   body=models.UpdateTaskRequest(description=None, due_date=None, priority=None))
    assert cleared.description is None and cleared.due_date is None and cleared.version == 2
    assert cleared.title == "Paint" and cleared.priority == models.TaskPriority.MEDIUM
    refused(412, "VERSION_MISMATCH", "tasks", "update_task", id=task.id, if_match='"1"',
            body=models.UpdateTaskRequest(title="Again"))
    complete = done(200, "tasks", "update_task", id=task.id,
                    body=models.UpdateTaskRequest(status=models.TaskStatus.COMPLETED))
    assert complete.status == models.TaskStatus.COMPLETED and complete.title == "Paint"
    replaced = done(200, "tasks", "replace_task", id=other.id, body=models.ReplaceTaskRequest(title="Sleep"))
    assert (replaced.title, replaced.status) == ("Sleep", models.TaskStatus.PENDING)

    refused(404, "TASK_NOT_FOUND", "tasks", "get_task", id=uuid4())
    done(204, "tasks", "delete_task", id=task.id)
    refused(404, "TASK_NOT_FOUND", "tasks", "delete_task", id=task.id)
    done(204, "sign_in", "logout", body=models.LogoutRequest(refresh_token=session.refresh_token))
    refused(401, "SESSION_REVOKED", "sign_in", "refresh_token",
            body=models.RefreshTokenRequest(refresh_token=session.refresh_token))


JOURNEY = """
import {
  Configuration, ResponseError, SignInApi, TaskPriority, TasksApi, TaskStatus, UpdateTaskRequest, UsersApi,
} from "./index";

declare const process: { argv: string[]; exitCode: number };

async function journey(basePath: string, username: string, password: string) {
  const anyone = new Configuration({ basePath });
  await new UsersApi(anyone).createUser({
    createUserRequest: { username, email: `${username}@example.com`, password },
  });
  const session = await new SignInApi(anyone).login({ loginRequest: { username, password } });
  const tasks = new TasksApi(new Configuration({ basePath, accessToken: session.accessToken }));

  const task = await tasks.createTask({
    createTaskRequest: { title: "Paint", description: "Blue", priority: TaskPriority.Urgent, reminders: [1440, 60] },
  });
  const clear: UpdateTaskRequest = { description: null, status: TaskStatus.Completed };
  const changed = await tasks.updateTask({ id: task.id, ifMatch: '"1"', updateTaskRequest: clear });
  const page = await tasks.listTasks({ status: [TaskStatus.Completed], orderBy: "created_at desc" });
  await tasks.deleteTask({ id: task.id });
  const refusal = await tasks.getTask({ id: task.id }).catch((error: ResponseError) => error.response.json());
  await new SignInApi(anyone).logout({ logoutRequest: { refreshToken: session.refreshToken } });
  return { task, changed, listed: page.tasks.map((one) => one.id), refusal };
}

journey(process.argv[2], process.argv[3], process.argv[4])
  .then((done) => console.log(JSON.stringify(done)))
  .catch((error) => { console.error(error); process.exitCode = 1; });
"""


def test_the_typescript_client_compiles_and_does_the_same(made, system):
    folder = made / "typescript"
    (folder / "journey.ts").write_text(JOURNEY)
    # The generator asks for TypeScript 4.9, which knows a member that `in` has found; Debian's is older.
    compiled = subprocess.run(
        ["tsc", "--strict", "--noImplicitAny", "false", "--target", "es2020", "--lib", "es2020,dom",
         "--module", "commonjs", "--outDir", "compiled", "journey.ts"],
        cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    assert compiled.returncode == 0, compiled.stdout[:4000]
    done = subprocess.run(["node", "compiled/journey.js", system.url(), f"typed-{uuid4().hex[:12]}", PASSWORD],
                          cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[:4000]
    found = types.SimpleNamespace(**json.loads(done.stdout))
    assert (found.task["status"], found.task["priority"], found.task["reminders"]) == ("PENDING", "URGENT", [1440, 60])
    assert found.changed["status"] == "COMPLETED" and found.changed["description"] is None
    assert found.listed == [found.task["id"]] and found.refusal["code"] == "TASK_NOT_FOUND"


def test_the_swift_client_compiles(made):
    sources = sorted((made / "swift/Sources").glob("**/*.swift"))
    assert {"LoginRequest", "TaskItem", "TaskStatus"} <= {path.stem for path in sources}
    compiled = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "source scripts/lib/common.sh; source scripts/lib/packages.sh; find_swift; "
         'swiftc -typecheck -swift-version 6 "$@"', "compile", *sources],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=SECONDS)
    assert compiled.returncode == 0, compiled.stderr[:4000]
