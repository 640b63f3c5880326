"""The READMEs are true: their commands are typed as they are written, and their answers are compared."""

import json
import os
import re
import subprocess
import sys
import sysconfig
from typing import NamedTuple

import pytest

import recipe
from client import sign_up
from conftest import PORT_OFFSET
from contract import ENDPOINTS, GATEWAY_PORT, GRPC_GATEWAY_PORT, GRPC_ONLY, GRPC_SERVICE_PORTS, JOBS, SERVICE_PORTS
from system import REPOSITORY, System

#: Each README of the repository by its path.
READMES = {
    path.relative_to(REPOSITORY).as_posix(): path.read_text()
    for path in [REPOSITORY / "README.md", *sorted(
        found for folder in REPOSITORY.iterdir() if folder.is_dir() and folder.name[0] != "."
        for found in folder.rglob("README.md"))]}

FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)

#: Commands that no test types, and why.
NOT_TYPED = {
    "scripts/run\n": "stays until Ctrl-C; every system of these tests is started by it, detached",
    "scripts/test\n": "is what runs this test",
    "scripts/test checks\nscripts/test unit function\nscripts/test e2e\n": "is what runs this test",
    "swift test --disable-xctest --filter '^ValuesTests'\n": "is a part of scripts/test, and would build once more",
    "scripts/soak\n": "takes twenty minutes; test_resilience.py has it in short",
    "scripts/soak\nscripts/soak restart kill\n": "takes twenty minutes; test_resilience.py has it in short",
    "scripts/bench\n": "takes ten minutes; test_benchmark.py has it in short",
    "scripts/bench --scenarios\nscripts/bench --large\nscripts/bench --search\n": "take half an hour; test_benchmark.py has one in short",
    "scripts/bench --instructions\nscripts/bench --accept\n": "would change instructions.json; test_benchmark.py counts",
    "scripts/generate\nscripts/build\n": "would change the tree; test_add_endpoint.py types it into a copy",
    'psql -f scripts/lib/roles.sql "postgresql://postgres@db.example.com/postgres"\n':
        "needs a server of the reader's; scripts/run does the same in its own",
    "CRON=off scripts/run --detach\nsudo install -m 644 .run/crontab /etc/cron.d/task-management\n":
        "would change the host's cron; test_jobs.py holds the file against it",
}
#: Lines that are not typed: the tests' own Python environment has what they install.
INSTALLING = re.compile(r"^.*(-m venv|pip install).*\n", re.MULTILINE)


class Block(NamedTuple):
    """The text between two fences, and the heading above it."""
    readme: str
    section: str
    kind: str
    text: str


def blocks_of(readme):
    text = READMES[readme]
    for found in FENCED.finditer(text):
        sections = re.findall(r"^## (.*)$", FENCED.sub("", text[:found.start()]), re.MULTILINE)
        yield Block(readme, sections[-1] if sections else "", found[2], found[3])


BLOCKS = [block for readme in READMES for block in blocks_of(readme)]
COMMANDS = [block for block in BLOCKS if block.kind == "sh"]
TYPED = set()


def session(readme, *sections):
    """The blocks of a README, or of some of its sections, that one test types into one shell."""
    found = [block for block in BLOCKS if block.readme == readme and block.section in (sections or (block.section,))
             and block.text not in NOT_TYPED]
    assert {"sh"} <= {block.kind for block in found}, f"no commands in {readme} {sections}"
    TYPED.update(block for block in found if block.kind == "sh")
    return found


FRONT_PAGE = session("README.md")
FOR_CLIENTS = {section: session("Shared/API/README.md", section)
               for section in ("Sessions", "gRPC", "Push messages on a web page")}
FOR_OPERATORS = session("scripts/README.md")
ONE_TEST = session("Tests/README.md", "One test")


def type_in(blocks, system, folder, limit_seconds, replacing=(), **variables):
    """Types the commands into one shell in the repository's folder, and compares the output of each with the answer that
    is shown below it. Output goes to a file: processes that are left running would keep a pipe open."""
    mark = "--- typed ---"
    commands = [number for number, block in enumerate(blocks) if block.kind == "sh"]
    script = "".join(f"{INSTALLING.sub('', blocks[number].text)}printf '\\n%s\\n' '{mark}'\n" for number in commands)
    for shown, ours in (*replacing, (".run/", f"{system.state_dir}/"), (f"127.0.0.1:{GATEWAY_PORT}", f"127.0.0.1:{system.port()}"),
                        (f"127.0.0.1:{GRPC_GATEWAY_PORT}", f"127.0.0.1:{system.grpc_port()}")):
        script = script.replace(shown, ours)
    if os.getuid() != 0:
        script = re.sub(r"runuser -u \S+ -- ", "", script)
    with open(folder / "out", "w") as out, open(folder / "err", "w") as error:
        code = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=out, stderr=error,
            timeout=limit_seconds,
            env={**os.environ, "STATE_DIR": str(system.state_dir), "PORT_OFFSET": str(system.port_offset), **variables}).returncode
    outputs = (folder / "out").read_text().split(f"\n{mark}\n")
    done = len(outputs) - 1
    assert code == 0 and done == len(commands), \
        f"{code} from {blocks[commands[min(done, len(commands) - 1)]].text}{outputs[-1]}{(folder / 'err').read_text()}"
    for number, output in zip(commands, outputs):
        answer = blocks[number + 1] if number + 1 < len(blocks) else None
        if answer and answer.kind == "json":
            assert shape(output) == shape(answer.text), blocks[number].text
        elif answer and answer.kind == "text":
            assert same_every_time(output) == same_every_time(answer.text), blocks[number].text


def shape(text):
    """Reduces an answer to the parts that are always the same."""
    def of(value):
        if isinstance(value, dict):
            return {name: of(member) for name, member in value.items()}
        if isinstance(value, list):
            return [of(member) for member in value]
        if isinstance(value, str) and re.search(r"\d{4}-\d\d-\d\dT|^[0-9a-f-]{36}$|^eyJ|\.\w{20}", value):
            return "…"
        return value
    return [of(json.loads(line)) for line in text.strip().splitlines()]


def same_every_time(text):
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "…", text)
    text = re.sub(r"Key \d{8}-[0-9a-f]{8} signs", "Key … signs", text)
    text = re.sub(r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:…", text)
    text = re.sub(r"Due in (19|20) minutes", "Due in some minutes", text)
    return re.sub(r"(?m)^Due: .*, \d\d:\d\d \(UTC\)$", "Due: then", text).strip().splitlines()


@pytest.fixture(scope="module")
def fresh_system(request):
    """A separate system, with its own cron."""
    system = System.start("readme", PORT_OFFSET + 200)
    yield system
    system.stop(remove=request.session.testsfailed == 0)


@pytest.fixture
def system_without_people(fresh_system):
    """The first session signs up `ada`, so it needs a system without that user."""
    fresh_system.sql("user_db", "delete from users where username in ('ada', 'chief')")
    return fresh_system


def test_the_front_page_gives_what_it_shows(system_without_people, tmp_path):
    """The system's own cron sends the mail, at the next full minute."""
    type_in(FRONT_PAGE, system_without_people, tmp_path, limit_seconds=120)


@pytest.mark.parametrize("section", FOR_CLIENTS)
def test_the_page_for_clients_gives_what_it_shows(system_without_people, tmp_path, section):
    sign_up(system_without_people.url(), username="ada", email="ada@example.com", signed_in=False)
    type_in(FOR_CLIENTS[section], system_without_people, tmp_path, limit_seconds=60, replacing=[
        (".build/grpc-client/bin/python", sys.executable),
        (".build/grpc-client/lib/python3*/site-packages", sysconfig.get_path("purelib")),
        (".build/grpc-client", str(tmp_path))])


def test_the_page_for_operators_gives_what_it_shows(tmp_path):
    """Everything from the first start to the end, in a separate system."""
    system = absent_system("operator")
    try:
        type_in(FOR_OPERATORS, system, tmp_path, limit_seconds=180, replacing=[
            ("scripts/run --detach", "scripts/run --detach --no-build")])
        assert not system.state_dir.exists()
    finally:
        system.script("stop", "--purge", check=False)


def test_one_test_runs_as_the_page_of_the_tests_says(tmp_path):
    system = absent_system("try")
    try:
        type_in(ONE_TEST, system, tmp_path, limit_seconds=120, replacing=[
            ("scripts/run --detach", "scripts/run --detach --no-build"), ("STATE_DIR=.run-try", f"STATE_DIR={system.state_dir}"),
            ("PORT_OFFSET=500", f"PORT_OFFSET={system.port_offset}"), (f"127.0.0.1:{GATEWAY_PORT + 500}", f"127.0.0.1:{system.port()}"),
            (".build/venv/bin/python", sys.executable)])
        assert not system.state_dir.exists()
        assert " 1 passed" in (tmp_path / "out").read_text().replace("=", " ")
    finally:
        system.script("stop", "--purge", check=False)


def absent_system(name):
    """A system that a README starts; nothing is left of an earlier run."""
    system = System(REPOSITORY / ".run-test" / name, PORT_OFFSET + 300)
    system.script("stop", "--purge")
    return system


@pytest.mark.parametrize("block", COMMANDS, ids=lambda block: f"{block.readme}: {block.text.splitlines()[0][:60]}")
def test_every_command_is_typed_or_says_why_not(block):
    assert (block in TYPED) != (block.text in NOT_TYPED), f"no test types this, and NOT_TYPED has no reason:\n{block.text}"


def test_no_reason_is_left_without_its_command():
    assert set(NOT_TYPED) <= {block.text for block in COMMANDS}


@pytest.mark.parametrize("readme", READMES)
def test_every_fence_says_what_it_holds(readme):
    """No block of another kind can hide commands."""
    assert {block.kind for block in blocks_of(readme)} <= {
        "sh", "json", "text", "js", "proto", "diff", "sql", "swift", "py", "ini"}
    assert FENCED.sub("", READMES[readme]).count("```") == 0


def options():
    """The options of scripts and jobs that a README names."""
    text = "\n".join(READMES.values())
    found = {(REPOSITORY / name, option) for name, rest in re.findall(r"(scripts/[a-z-]+)\b([^`\n]*)", text)
             for option in re.findall(r"(?<=[ \[])--[a-z-]+", rest)}
    found |= {(REPOSITORY / ".build/functions" / job, option)
              for job, option in re.findall(rf"\b({'|'.join(JOBS)}) (--[a-z-]+)", text)}
    return sorted(found)


@pytest.mark.parametrize("program, option", options(), ids=lambda part: part if isinstance(part, str) else part.name)
def test_every_option_exists(program, option):
    done = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and re.search(rf"{option}\b", done.stdout), done


def anchors(text):
    """Returns the anchors of a page's headings, as GitHub makes them."""
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.MULTILINE)}


def links():
    for readme, text in READMES.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", text)):
            if not re.match(r"[a-z]+:", target):
                yield readme, target


@pytest.mark.parametrize("readme, target", list(links()))
def test_every_link_leads_somewhere(readme, target):
    path, _, anchor = target.partition("#")
    page = (REPOSITORY / readme).parent / path if path else REPOSITORY / readme
    assert page.exists(), f"{readme} links to {target}"
    assert not anchor or anchor in anchors(page.read_text()), f"{readme} links to {target}"


@pytest.mark.parametrize("readme, path", sorted({
    (readme, path) for readme, text in READMES.items()
    for path in re.findall(r"(?<![\w/.$])((?:scripts|nginx|Shared|Functions|Tests)/[\w./-]*[\w-])", text)}))
def test_every_path_in_a_readme_exists(readme, path):
    assert (REPOSITORY / path).exists() or ((REPOSITORY / readme).parent / path).exists() or path in recipe.NEW_FILES, path


def settings_named():
    """The names in capitals on the pages for operators, except for `NAME=VALUE` and the like."""
    for readme in ("README.md", "scripts/README.md", "nginx/README.md", "Tests/README.md"):
        for name in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)\b[^`…]*`", READMES[readme]):
            yield readme, name


@pytest.mark.parametrize("readme, name", sorted(set(settings_named())))
def test_every_setting_that_is_named_is_one(readme, name):
    settings = (REPOSITORY / "scripts/SETTINGS.md").read_text()
    assert re.search(rf"\b{name}\b", settings), f"{readme} names {name}"


FUNCTION_TABLE = READMES["Functions/README.md"].split("<!-- functions: made by scripts/generate -->")[1].split("<!-- /functions -->")[0]


@pytest.mark.parametrize("function", ENDPOINTS)
def test_the_table_has_path_and_method_of_every_function(function):
    endpoint = ENDPOINTS[function]
    row = re.search(rf"^\| {function} \|(.*)$", FUNCTION_TABLE, re.MULTILINE).group(1)
    assert endpoint.method in row
    assert re.sub(r"\{\w+\}", "{}", endpoint.path) in re.sub(r"\{\w+\}", "{}", row)
    assert f"| {endpoint.rpc} |" in row


@pytest.mark.parametrize("function", GRPC_ONLY)
def test_the_table_has_what_only_grpc_reaches(function):
    assert re.search(rf"^\| {function} \| – \| {re.escape(GRPC_ONLY[function])} \|", FUNCTION_TABLE, re.MULTILINE)


@pytest.mark.parametrize("service", SERVICE_PORTS)
def test_the_front_page_has_the_ports_of_every_service(service):
    row = rf"^\| {service.capitalize()} \| {SERVICE_PORTS[service]} \| {GRPC_SERVICE_PORTS[service]} \|"
    assert re.search(row, READMES["README.md"], re.MULTILINE)
