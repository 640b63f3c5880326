"""What the README shows is what happens: its first session is typed as it stands there."""

import json
import re
import subprocess

import pytest

from system import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
FIRST_SESSION = README.split("## A first session")[1].split("\n## ")[0]
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


def test_the_readme_names_every_setting_and_no_other():
    known = set(re.findall(r'"([A-Z][A-Z_]+[A-Z])"', "".join(
        path.read_text() for path in (REPOSITORY / "Shared/Serving").glob("*.swift"))))
    known -= {"HTTP_AUTHORIZATION", "CONTENT_LENGTH", "USER_ID", "HS", "ROLE"}
    settings = README.split("### Settings")[1].split("\n### ")[0]
    assert known - set(re.findall(r"`([A-Z_]+)`", settings)) == set()


@pytest.mark.parametrize("path", sorted(set(re.findall(
    r"(?<![\w/.$])((?:scripts|nginx|Shared|Functions|Tests)/[\w./-]*[\w-])", README))))
def test_what_the_readme_points_at_is_there(path):
    assert (REPOSITORY / path).exists(), path


@pytest.fixture
def strict_free_system(system):
    """The first session signs up `ada`, so it needs a system where nobody has yet."""
    if system.sql("user_db", "select id from users where username = 'ada'"):
        system.sql("user_db", "delete from users where username = 'ada'")
    return system
