"""The API's description is valid, complete, and matches the running system."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import validate

from contract import ASKED_BY_NGINX, ENDPOINTS, ERROR_CODES, FUNCTIONS, GRPC_ONLY, NOTIFICATION_FIELDS, \
    PUSH_SUBSCRIPTION_FIELDS, TASK_FIELDS, USER_FIELDS
from system import REPOSITORY

DOCUMENT = json.loads((REPOSITORY / "Shared/API/openapi.json").read_text())
OPERATIONS = [(method.upper(), path, operation)
              for path, item in DOCUMENT["paths"].items() for method, operation in item.items()]
NAMES = [f"{method} {path}" for method, path, _ in OPERATIONS]
FUZZ = Path(__file__).parent / "fuzz"
FUZZ_SECONDS = 240


def described(function):
    """Returns the executable's description of itself."""
    done = subprocess.run([REPOSITORY / ".build/functions" / function, "--describe"],
                          capture_output=True, check=True, timeout=10, env={})
    return json.loads(done.stdout)


def resolved(node):
    while "$ref" in node:
        found = DOCUMENT
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        node = found
    return node


def test_it_is_valid():
    assert DOCUMENT["openapi"] == "3.1.0"
    validate(DOCUMENT)


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name not in [*ASKED_BY_NGINX, *GRPC_ONLY]])
def test_every_function_with_a_path_has_its_operations(function):
    said = described(function)
    for method in said["methods"]:
        operation = DOCUMENT["paths"].get(said["path"], {}).get(method.lower())
        assert operation, f"{function}: {method} {said['path']} is not in openapi.json"
        if function != "health":
            assert f"`{function}`" in operation["description"]
            assert f"`{said['rpc']}`" in operation["description"]


def test_it_has_no_operation_without_a_function():
    expected = {f"{method} {said['path']}" for said in map(described, [*ENDPOINTS, "health"])
                for method in said["methods"]}
    assert set(NAMES) == expected


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_describes_itself(function):
    said = described(function)
    assert said["function"] == function
    assert said.get("rpc") == (ENDPOINTS[function].rpc if function in ENDPOINTS else GRPC_ONLY.get(function))
    assert {said["request"], said["response"]} <= {message["type"] for message in said["messages"]}
    assert said["problems"] and said["callers"] and said["smoke"]["json"]


@pytest.mark.parametrize("method, path, operation", OPERATIONS, ids=NAMES)
def test_every_operation_says_what_can_go_wrong(method, path, operation):
    statuses = {int(status) for status in operation["responses"]}
    assert {400, 413, 414, 429, 431, 500, 503, 504} <= statuses
    assert (401 in statuses) == bool(operation["security"] or "auth" in path and "validate" not in path)
    assert (415 in statuses) == ("requestBody" in operation)
    for status in statuses - {200, 201, 202, 204, 304}:
        content = resolved(operation["responses"][str(status)])["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/Error"}
        codes = set(content["examples"])
        assert codes and codes <= ERROR_CODES[status], f"{status}: {codes}"
        assert codes == {example["value"]["code"] for example in content["examples"].values()}


@pytest.mark.parametrize("method, path, operation", OPERATIONS, ids=NAMES)
def test_every_operation_has_a_summary_examples_and_bounds(method, path, operation):
    assert re.fullmatch(r"[A-Z].*[^.]", operation["summary"])
    if "requestBody" not in operation:
        return
    content = operation["requestBody"]["content"]["application/json"]
    schema = resolved(content["schema"])
    assert schema["additionalProperties"] is False
    assert set(content["example"]) <= set(schema["properties"])
    for name, field in schema["properties"].items():
        # Any text may be tried as the password of somebody.
        text = "string" in field.get("type", []) and name != "current_password"
        assert not text or {"maxLength", "enum", "format", "minLength"} & set(field), f"{name} is a text without bounds"


def test_resources_have_all_their_fields():
    schemas = DOCUMENT["components"]["schemas"]
    for name, fields in (("Task", TASK_FIELDS), ("User", USER_FIELDS), ("Notification", NOTIFICATION_FIELDS),
                         ("PushSubscription", PUSH_SUBSCRIPTION_FIELDS)):
        assert set(schemas[name]["properties"]) == fields == set(schemas[name]["required"])
    assert schemas["Task"]["properties"]["description"]["type"] == ["string", "null"]
    assert schemas["CreateTaskRequest"]["properties"]["title"]["maxLength"] == 255
    assert schemas["CreateTaskRequest"]["required"] == ["title"]
    assert schemas["PushKeys"]["required"] == ["p256dh", "auth"]
    assert schemas["PushKeys"]["additionalProperties"] is False
    assert schemas["RegisterPushSubscriptionRequest"]["required"] == ["endpoint", "keys"]
    assert schemas["RegisterPushSubscriptionRequest"]["properties"]["keys"]["$ref"] == "#/components/schemas/PushKeys"
    assert schemas["Task"]["properties"]["status"]["$ref"] == "#/components/schemas/TaskStatus"
    assert schemas["TaskStatus"]["enum"] == ["PENDING", "IN_PROGRESS", "COMPLETED", "CANCELLED"]
    assert schemas["LoginRequest"]["required"] == ["password"]


def parts(node, path=""):
    """All schemas inside of one, with their paths."""
    yield path, node
    for name, inner in node.get("properties", {}).items():
        yield from parts(inner, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if isinstance(node.get(name), dict):
            yield from parts(node[name], f"{path}[]")
    for inner in node.get("anyOf", []):
        yield from parts(inner, path)


def bodies(operation):
    """The media types of an operation's body and of its answers."""
    answers = [resolved(answer) for answer in operation["responses"].values()]
    return [content["content"]["application/json"] for content in [operation.get("requestBody", {}), *answers]
            if "content" in content]


@pytest.mark.parametrize("method, path, operation", OPERATIONS, ids=NAMES)
def test_every_type_has_a_name(method, path, operation):
    """Generators of clients number the types that have none."""
    for content in bodies(operation):
        assert set(content["schema"]) == {"$ref"}
    for parameter in operation.get("parameters", []):
        for _, node in parts(parameter["schema"], parameter["name"]):
            assert "enum" not in node and ("$ref" not in node or set(node) == {"$ref"}), parameter


def test_schemas_have_a_form_that_generators_of_clients_understand():
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for path, node in parts(schema, name):
            assert not {"oneOf", "allOf", "not", "if"} & set(node), path
            # The one alternative there is: a named type or null.
            assert "anyOf" not in node or [set(one) for one in node["anyOf"]] == [{"$ref"}, {"type"}], path
            assert path == name or not {"enum", "properties"} & set(node), f"{path} has no name"
            # pydantic masks such a text when it writes it.
            assert node.get("format") != "password", path


@pytest.mark.parametrize("method, path, operation", OPERATIONS, ids=NAMES)
def test_every_example_is_what_its_schema_says(method, path, operation):
    for content in bodies(operation):
        schema = {**content["schema"], "components": DOCUMENT["components"]}
        examples = [content["example"]] if "example" in content else \
            [example["value"] for example in content["examples"].values()]
        for example in examples:
            OAS31Validator(schema, format_checker=oas31_format_checker).validate(example)


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_examples_of_fields_are_what_their_schemas_say(name):
    for path, node in parts(DOCUMENT["components"]["schemas"][name], name):
        for example in node.get("examples", []):
            schema = {**node, "components": DOCUMENT["components"]}
            assert OAS31Validator(schema, format_checker=oas31_format_checker).is_valid(example), f"{path}: {example}"


def test_a_change_says_what_may_be_chosen():
    schemas = DOCUMENT["components"]["schemas"]
    for path, field, name in (("/api/v1/tasks/{id}", "status", "TaskStatus"), ("/api/v1/users/{id}", "role", "Role")):
        for method in ("put", "patch"):
            assert f"`{field}`: {schemas[name]['description']}" in DOCUMENT["paths"][path][method]["description"]
    assert "transitions" in schemas["TaskStatus"]["description"].lower()


def test_the_introduction_has_the_errors_of_every_operation():
    told = set(re.findall(r"^- (\d{3}) `(\w+)`: .+\.$", DOCUMENT["info"]["description"], re.M))
    codes = [{(status, code) for status in operation["responses"] if status >= "400"
              for code in resolved(operation["responses"][status])["content"]["application/json"]["examples"]}
             for _, _, operation in OPERATIONS]
    # INVALID_ARGUMENT has others beside it, where a body is malformed.
    assert told == set.intersection(*codes) - {("400", "INVALID_ARGUMENT")} and len(told) >= 7


def test_reminders_say_their_unit_and_have_an_example():
    for name in ("Task", "CreateTaskRequest", "ReplaceTaskRequest", "UpdateTaskRequest"):
        reminders = DOCUMENT["components"]["schemas"][name]["properties"]["reminders"]
        assert "minutes before the due date" in reminders["description"].lower()
        assert reminders["examples"] == [[1440, 60]]
    for path, method in (("/api/v1/tasks", "post"), ("/api/v1/tasks/{id}", "put"), ("/api/v1/tasks/{id}", "patch")):
        for content in bodies(DOCUMENT["paths"][path][method])[:2]:
            assert content["example"]["reminders"] == [1440, 60]


def test_schemathesis_finds_nothing_that_is_not_as_described(system, tmp_path):
    """All checks of schemathesis, in all of its phases, as an admin on the real system."""
    admin = system.create_admin()
    # The lists show schemathesis the admins of other tests, too.
    spared = [id for [id] in system.sql("user_db", "SELECT id FROM users WHERE role = 'ADMIN'")]
    done = subprocess.run(
        [Path(sys.executable).parent / "schemathesis", "--config-file", FUZZ / "schemathesis.toml",
         "run", REPOSITORY / "Shared/API/openapi.json", "--url", system.url(), "--checks", "all",
         "-H", f"Authorization: Bearer {admin.token}", "--max-examples", "15", "--seed", "1",
         "--request-timeout", "10", "--continue-on-failure", "--no-color"],
        cwd=tmp_path, capture_output=True, text=True, timeout=FUZZ_SECONDS,      # because it leaves a cache there
        env={**os.environ, "PYTHONPATH": str(FUZZ), "PYTHONDONTWRITEBYTECODE": "1",
             "SCHEMATHESIS_HOOKS": "hooks", "FUZZ_AS": admin.id,
             "FUZZ_RESPONSES": json.dumps(DOCUMENT["components"]["responses"]), "FUZZ_SPARES": " ".join(spared)})
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    assert re.search(rf"Tested: +{len(OPERATIONS)}\b", done.stdout), done.stdout[-2000:]
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in done.stdout, done.stdout[-2000:]
