"""An endpoint is added to a copy of the repository by the recipe of Functions/README.md, and called by REST and by gRPC.

The copy is .build/add-endpoint. What is built there stays, as the package's own .build does: the first run takes a few
minutes, every other one builds what has changed.
"""

import os
import re
import shutil
import subprocess
import sys

import pytest

import recipe
from conftest import PORT_OFFSET
from system import REPOSITORY

COPY = REPOSITORY / ".build/add-endpoint"
NEW = "create-comment"
#: A person would build everything for release; here the one new function is enough, as it is for debugging.
INSTEAD = {"scripts/build": f"""
source scripts/lib/common.sh
source scripts/lib/packages.sh
find_swift
swift package dump-package | python3 scripts/lib/check_imports.py
swift build --quiet --product {NEW}
cp "$(swift build --show-bin-path)/{NEW}" .build/functions/
swift format lint --strict --configuration .swift-format Package.swift {' '.join(
    sorted(path for path in recipe.NEW_FILES if path.endswith('.swift')))}
"""}
LIMIT_SECONDS = 900


def run(command, **settings):
    """Types a command into the copy. Its output goes to a file: what is left running would keep a pipe open."""
    output = COPY / ".build/output"
    with open(output, "w") as file:
        code = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command], cwd=COPY, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            timeout=LIMIT_SECONDS, env={**os.environ, **settings}).returncode
    assert code == 0, f"{command}: {output.read_text()[-6000:]}"
    return output.read_text()


def make_copy():
    """The repository's files, what has been downloaded, and what has been built for release."""
    built = REPOSITORY / ".build"
    (COPY / ".build").mkdir(parents=True, exist_ok=True)
    for path in COPY.iterdir():
        if path.name != ".build":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(REPOSITORY, COPY, dirs_exist_ok=True, ignore=shutil.ignore_patterns(
        ".git", ".build", ".build-*", ".run", ".run-*", "__pycache__"))
    if not (COPY / ".build/checkouts").exists():
        for name in ("artifacts", "checkouts", "repositories"):
            if (built / name).exists():
                shutil.copytree(built / name, COPY / ".build" / name, symlinks=True)
        shutil.copy2(built / "workspace-state.json", COPY / ".build")
    for name in ("venv", "swagger-ui"):
        if (built / name).exists() and not (COPY / ".build" / name).exists():
            (COPY / ".build" / name).symlink_to(built / name)
    shutil.rmtree(COPY / ".build/functions", ignore_errors=True)
    shutil.copytree(built / "functions", COPY / ".build/functions")


@pytest.fixture(scope="module")
def copy():
    """The copy, in which the recipe has been followed."""
    make_copy()
    for edit in recipe.EDITS:
        edit.apply(COPY)
    for command in recipe.COMMANDS:
        run("\n".join(INSTEAD.get(line, line) for line in command.splitlines()))


@pytest.fixture(scope="module")
def running_copy(copy):
    settings = {"STATE_DIR": str(REPOSITORY / ".run-test/add-endpoint"), "PORT_OFFSET": str(PORT_OFFSET + 300),
                "RATE_LIMIT": "off", "BCRYPT_COST": "5", "CRON": "off"}
    try:
        address = re.search(r"Ready: (\S+)", run("scripts/run --detach --no-build", **settings)).group(1)
        yield {"E2E_STATE_DIR": settings["STATE_DIR"], "E2E_BASE_URL": address}
    finally:
        run("scripts/stop --purge", **settings)


def pytest_in_copy(arguments, **settings):
    """The names of the tests that passed there; all do."""
    said = run(f"'{sys.executable}' -m pytest -p no:cacheprovider -v {arguments}", PYTHONDONTWRITEBYTECODE="1", **settings)
    return re.findall(r"::(\S+) PASSED", said)


def test_the_recipe_takes_as_few_files_as_it_says():
    touched = {edit.path for edit in recipe.EDITS}
    assert len(touched) == 10, touched
    assert "ten files by hand" in " ".join(recipe.SECTION.split())


def test_nothing_is_missing_afterwards(copy):
    passed = pytest_in_copy("Tests/EndToEnd/test_structure.py")
    assert f"test_every_function_has_a_route[{NEW}]" in passed
    assert f"test_every_function_is_in_the_readme[{NEW}]" in passed


def test_the_new_endpoint_answers_by_rest_and_by_grpc(running_copy):
    assert pytest_in_copy("Tests/EndToEnd/test_comments.py", **running_copy) == [
        "test_a_comment_is_added_by_rest_and_by_grpc", "test_to_others_there_is_no_such_task"]


def test_the_new_endpoint_is_held_by_what_holds_all(running_copy):
    passed = pytest_in_copy(
        f"Tests/EndToEnd/test_functions_by_hand.py Tests/EndToEnd/test_contract.py Tests/EndToEnd/test_openapi.py -k '{NEW} or comments'",
        **running_copy)
    assert f"test_every_function_answers_by_hand[{NEW}]" in passed
    assert f"test_the_smoke_request_is_answered_as_the_contract_says[{NEW}]" in passed
