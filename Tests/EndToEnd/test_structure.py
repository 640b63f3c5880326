"""Manifest, folders, pools, routes and READMEs name the same functions, modules and files."""

import os
import re
import subprocess

import pytest

from contract import ASKED_BY_NGINX, ENDPOINTS, FUNCTIONS, GRPC_ONLY, JOBS, OPERATOR_TOOLS
from system import REPOSITORY


def type_name(function):
    """Returns the name of the folder and the type: `CreateTask` for `create-task`."""
    return "".join(word.capitalize() for word in function.split("-"))


def names(path):
    """Returns the first word of each line of a table."""
    lines = (REPOSITORY / path).read_text().splitlines()
    return [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]


def folders():
    return {path.parent.name for path in (REPOSITORY / "Functions").glob("*/*/*.swift")}


@pytest.mark.parametrize("function", FUNCTIONS + [*JOBS])
def test_every_function_is_in_the_manifest(function):
    manifest = (REPOSITORY / "Package.swift").read_text()
    assert re.search(rf'"({function}|{type_name(function)})"', manifest), f"{function} is not in Package.swift"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_has_its_folder_and_one_short_file(function):
    name = type_name(function)
    found = list((REPOSITORY / "Functions").glob(f"*/{name}/*"))
    assert [path.name for path in found] == [f"{name}.swift"], f"Functions/*/{name}: {found}"
    assert len(found[0].read_text().splitlines()) <= 65


def test_the_scripts_know_every_function_and_no_other():
    assert sorted(names("scripts/lib/functions.tsv")) == sorted(FUNCTIONS)


def test_nothing_has_a_pool_that_is_no_function():
    assert set(names("scripts/pools")) - {"usual"} <= set(FUNCTIONS)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_has_a_route(function):
    file = "session.conf" if function in ASKED_BY_NGINX else "generated/routes.conf"
    routes = (REPOSITORY / "nginx" / file).read_text()
    assert re.search(rf"\b{function}(\.sock)?;", routes), f"{function} is not in nginx/{file}"


def contract_methods():
    """Finds every rpc in the .proto files that clients can call, as `package.Service/Method`."""
    for path in sorted((REPOSITORY / "Shared/API/Protos").glob("*/v1/*.proto")):
        if path.parent.parent.name in ("contract", "gateway"):
            continue
        text = path.read_text()
        package = re.search(r"^package ([\w.]+);", text, re.MULTILINE).group(1)
        for service, body in re.findall(r"^service (\w+) \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL):
            for method in re.findall(r"^  rpc (\w+)\(", body, re.MULTILINE):
                yield f"{package}.{service}/{method}"


@pytest.mark.parametrize("rpc", list(contract_methods()))
def test_every_method_of_the_contract_has_a_function(rpc):
    answered = {*(endpoint.rpc for endpoint in ENDPOINTS.values()), *GRPC_ONLY.values()}
    assert rpc in answered, f"no function answers {rpc}"


@pytest.mark.parametrize("function, rpc", [
    *((function, endpoint.rpc) for function, endpoint in ENDPOINTS.items()), *GRPC_ONLY.items()])
def test_every_rpc_has_a_route_and_is_named_by_its_function(function, rpc):
    routes = (REPOSITORY / "nginx/generated/routes.conf").read_text()
    assert f'"POST /{rpc}" {function};' in routes, f"{rpc} is not in nginx/generated/routes.conf"
    [source] = (REPOSITORY / "Functions").glob(f"*/{type_name(function)}/*.swift")
    assert f"gRPC `{rpc}`" in source.read_text().replace("\n///", ""), f"{rpc} is not in {source}"


@pytest.mark.parametrize("job", JOBS)
def test_every_job_is_started_by_cron(job):
    assert re.search(rf"\b{job}\b", (REPOSITORY / "scripts/crontab").read_text()), f"{job} is not in scripts/crontab"


@pytest.mark.parametrize("function", [*FUNCTIONS, *JOBS])
def test_every_function_is_in_the_readme(function):
    readme = (REPOSITORY / "Functions/README.md").read_text()
    assert re.search(rf"(?<![\w-]){function}(?![\w-])", readme), f"{function} is not in Functions/README.md"


@pytest.mark.parametrize("job", JOBS)
def test_every_job_is_explained_to_operators(job):
    assert re.search(rf"^\| {job} \|", (REPOSITORY / "scripts/README.md").read_text(), re.MULTILINE)


def modules():
    """Returns the modules of the manifest, from the ground up."""
    return re.findall(r'\b(?:system|shared)\(\s*"(\w+)"', (REPOSITORY / "Package.swift").read_text())


def test_every_module_is_on_the_map_and_on_its_floor():
    rows = re.findall(r"^\| ([^|*]+) \|", (REPOSITORY / "Shared/README.md").read_text(), re.MULTILINE)
    mapped = [name for row in rows for name in re.findall(r"\w+", re.sub(r"\]\(.*?\)", "", row))]
    assert [name for name in mapped if name in modules()] == modules()
    assert sorted(modules()) == sorted(path.name for path in (REPOSITORY / "Shared").iterdir() if path.is_dir())


@pytest.mark.parametrize("name", sorted(path.name for path in (REPOSITORY / "nginx").glob("*.conf")))
def test_every_file_of_the_gateway_is_explained(name):
    assert f"| [`{name}`]({name}) |" in (REPOSITORY / "nginx/README.md").read_text()


def test_every_script_is_explained():
    named = set(re.findall(r"^\| `scripts/([a-z-]+)", (REPOSITORY / "scripts/README.md").read_text(), re.MULTILINE))
    there = {path.name for path in (REPOSITORY / "scripts").iterdir() if path.is_file() and os.access(path, os.X_OK)}
    assert named == there


@pytest.mark.parametrize("function", FUNCTIONS + [*JOBS] + OPERATOR_TOOLS)
def test_everything_is_built(function):
    assert (REPOSITORY / ".build/functions" / function).is_file(), f"{function} was not built"


def libraries(program):
    """The shared libraries that a program is linked with, not those that these need."""
    said = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"\(NEEDED\).*\[(\w+)\.so", said))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_linked_with_what_it_uses_alone(function):
    """One more library costs each cold start half a millisecond, and each worker a hundred kilobytes."""
    uses = re.search(rf'\.init\("{type_name(function)}"[^)]*\)', (REPOSITORY / "Package.swift").read_text()).group()
    speaks_http = any(f'"{module}"' in uses for module in ("ServiceClient", "Notifications", "WebPush", "HealthChecks"))
    linked = libraries(REPOSITORY / ".build/functions" / function)
    assert "libpq" in linked and ("libcurl" in linked) == speaks_http
    assert ("libcrypt" in linked) == ('"Passwords"' in uses)
    assert ("libnghttp2" in linked) == ('"HTTP2"' in uses)


def test_nothing_stands_in_functions_that_is_not_known():
    assert folders() - {type_name(name) for name in [*JOBS] + OPERATOR_TOOLS} == {type_name(name) for name in FUNCTIONS}


def test_the_top_level_is_what_was_agreed():
    names = {path.name for path in REPOSITORY.iterdir() if not path.name.startswith(".")}
    agreed = {"Package.swift", "Functions", "Shared", "Tests", "nginx", "scripts", "README.md"}
    assert names - {"Package.resolved"} - {name for name in names if name.startswith("LICEN")} == agreed
