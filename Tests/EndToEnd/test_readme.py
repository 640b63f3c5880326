"""What the README shows is what happens: its first session is typed as it stands there."""

import json
import os
import re
import subprocess
import sys

import pytest

from client import sign_up
from contract import ENDPOINTS, GRPC_ONLY
from system import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
FIRST_SESSION = README.split("## A first session")[1].split("\n## ")[0]
BY_GRPC = README.split("## The same by gRPC")[1].split("\n## ")[0]
REMINDER = README.split("## A reminder, in two minutes")[1].split("\n## ")[0]
PUSH = README.split("## Push messages")[1].split("\n## ")[0]
BLOCKS = re.findall(r"```(sh|json)\n(.*?)```", FIRST_SESSION, re.DOTALL)


def shape(text):
    """An answer without what is different every time: a value's name and type, and short plain values."""
    def of(value):
        if isinstance(value, dict):
            return {name: of(member) for name, member in value.items()}
        if isinstance(value, list):
            return [of(member) for member in value]
        if isinstance(value, str) and re.search(r"\d{4}-\d\d-\d\dT|^[0-9a-f-]{36}$|^eyJ|\.\w{20}", value):
            return "…"
        return value
    return [of(json.loads(line)) for line in text.strip().splitlines()]


def test_the_first_session_gives_what_the_readme_shows(strict_free_system):
    script, answers = [], []
    for kind, text in BLOCKS:
        if kind == "sh":
            script.append(text.replace("http://127.0.0.1:8080", strict_free_system.url()))
        else:
            script.append("echo; echo ---")
            answers.append(shape(text))
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(script)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    given = [shape(text) for text in done.stdout.split("---")[:-1]]
    assert given == answers


def test_the_reminder_comes_as_the_readme_shows(strict_free_system):
    """By the system's own cron, at the next full minute."""
    system = strict_free_system
    sign_up(system.url(), username="ada", email="ada@example.com", signed_in=False)
    shown = re.findall(r"```(?:json|text)\n(.*?)```", REMINDER, re.DOTALL)
    commands = "".join(re.findall(r"```sh\n(.*?)```", REMINDER, re.DOTALL))
    script = f"API={system.url()}/api/v1\nJSON='Content-Type: application/json'\n" + commands
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script.replace(".run/", f"{system.state_dir}/")],
                          capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr

    def same_every_time(text):
        text = re.sub(r"Due in (19|20) minutes", "Due in some minutes", text)
        return re.sub(r"(?m)^Due: .*, \d\d:\d\d \(UTC\)$", "Due: then", text).splitlines()
    given = same_every_time(done.stdout)
    for lines in map(same_every_time, shown):
        assert set(lines) <= set(given), f"{lines} is not in {given}"


def test_push_messages_are_as_the_readme_shows(strict_free_system, tmp_path):
    system = strict_free_system
    sign_up(system.url(), username="ada", signed_in=False)
    system.sql("user_db", "delete from users where username = 'chief'")
    script, answers = [f"API={system.url()}/api/v1", "JSON='Content-Type: application/json'"], []
    for kind, text in re.findall(r"```(sh|json)\n(.*?)```", PUSH, re.DOTALL):
        if kind == "sh":
            script.append(text.replace("scripts/create-admin", str(REPOSITORY / "scripts/create-admin")))
        else:
            script.append("echo; echo ---")
            answers.append(shape(text))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(script)], capture_output=True, text=True, timeout=60, cwd=tmp_path,
        env={**os.environ, "STATE_DIR": str(system.state_dir), "PORT_OFFSET": str(system.port_offset)})
    assert done.returncode == 0, done.stderr
    # What create-admin says is not shown.
    given = [shape("\n".join(line for line in text.strip().splitlines() if line[:1] in '{"0123456789'))
             for text in done.stdout.split("---")[:-1]]
    assert given == answers
    assert b"PRIVATE KEY" in (tmp_path / "vapid-key.pem").read_bytes()


def test_the_session_by_grpc_gives_what_the_readme_shows(strict_free_system, tmp_path):
    sign_up(strict_free_system.url(), username="ada", signed_in=False)
    commands = "".join(re.findall(r"```sh\n(.*?)```", BY_GRPC, re.DOTALL))
    # The tests' own environment has what the README installs.
    commands = re.sub(r"^.*(-m venv|pip install).*\n", "", commands, flags=re.MULTILINE)
    script = commands.replace(".build/grpc-client/bin/python", sys.executable) \
        .replace(".build/grpc-client", str(tmp_path)) \
        .replace("127.0.0.1:50050", f"127.0.0.1:{strict_free_system.grpc_port()}")
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=REPOSITORY,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == re.search(r"```text\n(.*?)```", BY_GRPC, re.DOTALL).group(1)


@pytest.mark.parametrize("function", ENDPOINTS)
def test_the_table_has_path_and_method_of_every_function(function):
    endpoint = ENDPOINTS[function]
    row = re.search(rf"^\| {function} \|(.*)$", README, re.MULTILINE).group(1)
    assert endpoint.method in row
    assert re.sub(r"\{\w+\}", "{}", endpoint.path) in re.sub(r"\{\w+\}", "{}", row)
    assert f"| {endpoint.rpc} |" in row


@pytest.mark.parametrize("function", GRPC_ONLY)
def test_the_table_has_what_only_grpc_reaches(function):
    assert re.search(rf"^\| {function} \| – \| {re.escape(GRPC_ONLY[function])} \|", README, re.MULTILINE)


@pytest.mark.parametrize("path", sorted(set(re.findall(
    r"(?<![\w/.$])((?:scripts|nginx|Shared|Functions|Tests)/[\w./-]*[\w-])", README))))
def test_what_the_readme_points_at_is_there(path):
    assert (REPOSITORY / path).exists(), path


@pytest.fixture
def strict_free_system(system):
    """The first session signs up `ada`, so it needs a system where nobody has yet."""
    system.sql("user_db", "delete from users where lower(username) = 'ada' or lower(email) = 'ada@example.com'")
    return system
