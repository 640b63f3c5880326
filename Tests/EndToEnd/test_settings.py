"""Settings: `scripts/run` reports wrong ones before it starts anything, and passes the others on."""

import os
import subprocess

import pytest

from client import sign_up
from conftest import PORT_OFFSET
from contract import JOBS
from system import REPOSITORY, System

SERVICES = {"user": "get-user", "auth": "login", "task": "create-task", "notification": "send-email",
            "health": "health"}


def table():
    """Reads the table of the scripts: by name, the columns of each setting."""
    lines = [line.split("\t") for line in (REPOSITORY / "scripts/lib/settings.tsv").read_text().splitlines()
             if not line.startswith("#")]
    columns = ["kind", "default", "origin", "functions", "jobs", "tools"]
    return {name: dict(zip(columns, ("" if cell == "-" else cell for cell in cells), strict=True))
            for name, *cells in lines}


SETTINGS = table()


@pytest.fixture(scope="module")
def stopped():
    """A system that never starts."""
    root = os.environ.get("E2E_STATE_ROOT", REPOSITORY / ".run-test")
    system = System(os.path.join(root, "unstarted"), PORT_OFFSET + 300)
    yield system
    system.script("stop")
    system.remove()


def refuse(system, *arguments, **settings):
    """Returns the complaints of `scripts/run` about settings that it refuses to start with."""
    done = system.script("run", "--detach", "--no-build", *arguments, check=False, **settings)
    assert done.returncode == 1, done
    assert "nothing was started" in done.stderr
    # Not even the preparations for a start were made.
    assert not {"postgres", "supervisord.conf", "secrets", "env"} & set(os.listdir(system.state_dir))
    return done.stderr.splitlines()[:-1]


@pytest.mark.parametrize("name, value", [
    ("ACCESS_TOKEN_SECONDS", "1d"), ("BCRYPT_COST", "99"), ("REMINDER_LEAD_TIMES", "soon"),
    ("LOG_LEVEL", "verbose"), ("SIGN_UP", "clsed"), ("RATE_LIMIT", "none"), ("CRON", "maybe"), ("PORT_OFFSET", "x"),
    ("PORT_OFFSET", "15482"), ("PREPARED_STATEMENTS", "maybe"), ("MAIL_FROM", "nobody"), ("VAPID_SUBJECT", "ada"),
    ("MAX_REQUESTS", "-1"), ("PUBLIC_URL", "tasks.example.com"), ("LISTEN_ADDRESS", "127.0.0.1;"),
    ("JWT_KEYS_FILE", "/nowhere"), ("PUSH_CA_FILE", "/nowhere"), ("USER_SERVICE_URL", "user:50051")])
def test_a_wrong_setting_is_named_before_anything_is_started(stopped, name, value):
    [line] = refuse(stopped, **{name: value})
    assert line.startswith(name) and f"it is '{value}', environment" in line


#: A wrong value for each kind of setting. Any text is a path; texts have forms of their own.
WRONG = {"number": "1d", "word": "perhaps", "url": "somewhere", "file": "/nowhere"}
WRONG_TEXTS = {"LISTEN_ADDRESS": "not an address", "MAIL_FROM": "nobody", "VAPID_SUBJECT": "ada",
               "REMINDER_LEAD_TIMES": "soon", "JWT_ISSUER": "\x01", "JWT_AUDIENCE": "\x01"}


def test_no_setting_starts_anything_with_a_wrong_value(stopped):
    """One after the other would take minutes, and one start names all of them."""
    wrong = {name: WRONG_TEXTS[name] if columns["kind"] == "text" else WRONG[columns["kind"]]
             for name, columns in SETTINGS.items() if columns["origin"] == "anywhere" and columns["kind"] != "path"}
    lines = refuse(stopped, **wrong)
    assert len(wrong) > 50
    for name in wrong:
        assert any(line.startswith((f"{name} ", f"{name}:")) for line in lines), f"{name} in {lines}"


@pytest.mark.parametrize("name, value", [("SMTP_URL", "mail.example.com"), ("DATABASE_URL_USER_OWNER", "s3cret@db")])
def test_a_wrong_setting_that_may_hold_a_password_is_not_quoted(stopped, name, value):
    lines = refuse(stopped, **{name: value})
    assert lines[0].startswith(name) and not any(value in line for line in lines)


def test_all_that_is_wrong_is_said_at_once(stopped):
    lines = refuse(stopped, BCRYPT_COST="99", LOG_LEVEL="loud", DATABASE_URL_TASK="postgresql:///task_db",
                   SMPT_URL="smtp://mail.example.com", ACCES_TOKEN_SECONDS="5")
    assert [line.split()[0] for line in lines] == [
        "BCRYPT_COST", "LOG_LEVEL", "ACCES_TOKEN_SECONDS", "SMPT_URL", "DATABASE_URL_USER"]
    assert lines[2].endswith("did you mean ACCESS_TOKEN_SECONDS?") and lines[4].endswith("or none of them")


def test_a_file_must_be_readable_by_those_who_use_it(stopped, tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_text("{}")
    assert refuse(stopped, JWT_KEYS_FILE=str(keys))[0].startswith("JWT_KEYS_FILE: the key file")
    if os.getuid() == 0:
        certificates = tmp_path / "ca.pem"
        certificates.write_text("")
        certificates.chmod(0o600)
        [line] = refuse(stopped, MAIL_CA_FILE=str(certificates))
        assert line.startswith("MAIL_CA_FILE: task-functions-notification")


def test_a_settings_file_is_strict(stopped, tmp_path):
    config = tmp_path / "tasks.conf"
    config.write_text("# ours\nBCRYPT_COSTS=5\n\nCRON=off\nCRON=on\nLOG_LEVEL: debug\nSIGN_UP=maybe\nSTATE_DIR=/srv\n")
    assert refuse(stopped, "--config", str(config)) == [
        f"SIGN_UP must be open or closed (it is 'maybe', {config}:7)",
        f"{config}, line 5: CRON is already set in line 4",
        f"{config}, line 6 is not NAME=VALUE",
        f"{config}, line 2: BCRYPT_COSTS is not a setting: did you mean BCRYPT_COST?",
        f"{config}, line 8: STATE_DIR is needed before this file is read: set it in the environment"]


def test_a_settings_file_must_be_there(stopped, tmp_path):
    [line] = refuse(stopped, "--config", str(tmp_path / "none.conf"))
    assert "none.conf cannot be read: No such file" in line


def listing(done):
    """Returns the printed settings: by name, the rest of the line."""
    assert done.returncode == 0, done
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in done.stdout.splitlines()
            if line.startswith("  ") and line.split()[0] in SETTINGS}


def test_every_setting_is_listed_with_its_origin_and_without_its_password(stopped, tmp_path):
    config = tmp_path / "tasks.conf"
    config.write_text("LOG_LEVEL=debug\nBCRYPT_COST=13\nSMTP_URL=smtps://tasks:s3cret@mail.example.com\n")
    done = stopped.script("run", "--settings", "--no-build", "--config", str(config), check=False,
                          BCRYPT_COST="5", DATABASE_URL_USER="host=db password=s3cret")
    shown = listing(done)
    assert set(shown) == {name for name, columns in SETTINGS.items() if columns["origin"] != "run"}
    assert shown["SIGN_UP"].split() == ["open", "default"]
    assert shown["PORT_OFFSET"].split() == [str(stopped.port_offset), "environment"]
    assert shown["LOG_LEVEL"].split() == ["debug", f"{config}:1"]
    assert shown["BCRYPT_COST"].split(maxsplit=1) == ["5", shown["BCRYPT_COST"].split(maxsplit=1)[1]]
    assert shown["BCRYPT_COST"].endswith(f"environment (which wins over {config}:2)")
    assert shown["SMTP_URL"].split()[0] == "smtps://tasks:***@mail.example.com"
    assert "s3cret" not in done.stdout + done.stderr


def test_wrong_settings_are_listed_and_marked(stopped):
    done = stopped.script("run", "--settings", "--no-build", check=False, BCRYPT_COST="99", SING_UP="closed",
                          PORT_OFFSET="x")
    assert listing(done)["BCRYPT_COST"].split() == ["99", "environment"]
    assert [line.split("wrong: ")[1].split()[0] for line in done.stdout.splitlines() if "wrong: " in line] == [
        "PORT_OFFSET", "BCRYPT_COST", "SING_UP"]


@pytest.fixture(scope="module")
def configured(request, tmp_path_factory):
    """A system with a settings file."""
    config = tmp_path_factory.mktemp("settings") / "tasks.conf"
    config.write_text(f"""# Every second of these settings is for one service alone.
PREPARED_STATEMENTS = off
BCRYPT_COST=6
MAX_REQUESTS=100000
EVENT_KEEP_DAYS=3
REMINDER_KEEP_DAYS=4
NOTIFICATION_KEEP_DAYS=5
MAIL_FROM=Tasks, all of them <tasks@example.com>
RATE_LIMIT=off
CRON=off
PORT_OFFSET={PORT_OFFSET + 350}
""")
    root = os.environ.get("E2E_STATE_ROOT", REPOSITORY / ".run-test")
    system = System(os.path.join(root, "configured"), PORT_OFFSET + 350)
    system.config = config
    try:
        # Only STATE_DIR comes from the environment.
        done = system.script("run", "--detach", "--no-build", "--config", str(config), PORT_OFFSET="", check=False)
        assert done.returncode == 0, done
        yield system
    finally:
        system.stop(remove=request.session.testsfailed == 0)


def test_a_settings_file_reaches_the_functions(configured):
    task = configured.environment_of("create-task")
    assert task["PREPARED_STATEMENTS"] == "off" and task["MAX_REQUESTS"] == "100000"
    assert configured.environment_of("create-user")["BCRYPT_COST"] == "6"
    assert configured.environment_of("health")["PREPARED_STATEMENTS"] == "off"
    assert configured.environment_of("send-email")["MAIL_FROM"] == "Tasks, all of them <tasks@example.com>"
    assert not [slot for slot in configured.supervisor().getAllProcessInfo() if slot["group"] == "cron"]
    # With unprepared statements, on the ports given in the file.
    assert sign_up(configured.url()).new_task(title="from a file")["title"] == "from a file"


@pytest.mark.parametrize("service", SERVICES)
def test_a_function_has_the_settings_that_are_declared_for_it(configured, service):
    environment = configured.environment_of(SERVICES[service])
    own = {name for name, columns in SETTINGS.items() if service in columns["functions"].split(",")}
    found = set(environment) & set(SETTINGS)
    assert found <= own
    # Where nothing is set, the function's own default applies.
    given = {"LOG_FILE", "DATABASE_URL", "BREAKER_DIR", "JWT_KEYS_FILE", "PREPARED_STATEMENTS", "MAX_REQUESTS"}
    assert own & given <= found


@pytest.mark.parametrize("service", SERVICES)
def test_jobs_have_the_settings_that_are_declared_for_them(configured, service):
    path = configured.state_dir / "env" / f"{service}.env"
    found = {line.split("=")[0] for line in path.read_text().splitlines()} & set(SETTINGS)
    jobs = [f"{service}/{job}" for job, services in JOBS.items() if service in services]
    own = {name for name, columns in SETTINGS.items()
           if service in columns["functions"].split(",") or set(jobs) & set(columns["jobs"].split(","))}
    assert found <= own
    days = {"user": {"EVENT_KEEP_DAYS"}, "task": {"EVENT_KEEP_DAYS", "REMINDER_KEEP_DAYS"},
            "notification": {"NOTIFICATION_KEEP_DAYS"}}
    assert {name for name in found if name.endswith("_KEEP_DAYS")} == days.get(service, set())


@pytest.mark.parametrize("service, database", [("user", "USER"), ("auth", "AUTH"), ("task", "TASK"), ("notification", "NOTIFICATION")])
def test_jobs_connect_past_the_pooler_of_the_functions(service, database):
    def urls(**variables):
        script = 'source scripts/lib/common.sh; source scripts/lib/render.sh; private_cluster=; database_url "$0"; database_url "$0_direct"'
        return subprocess.run(["bash", "-euc", script, service], env={"PATH": os.environ["PATH"], **variables}, cwd=REPOSITORY,
                              capture_output=True, check=True).stdout.decode().split()
    pooler = {f"DATABASE_URL_{database}": "postgresql://pooler/x"}
    assert urls(**pooler) == ["postgresql://pooler/x"] * 2
    assert urls(**pooler, **{f"DATABASE_URL_{database}_DIRECT": "postgresql://server/x"}) == [
        "postgresql://pooler/x", "postgresql://server/x"]


def test_the_tests_themselves_start_without_any_setting():
    environment = {**os.environ, **{name: "1" for name in SETTINGS}}
    left = subprocess.run(["bash", "-c", 'set -eu; source "$0"; clear_settings; env -0',
                           REPOSITORY / "scripts/lib/common.sh"], env=environment, capture_output=True, check=True)
    names = {pair.split(b"=")[0].decode() for pair in left.stdout.split(b"\0")}
    assert not names & set(SETTINGS) and "PATH" in names
    assert "\nclear_settings\n" in (REPOSITORY / "scripts/test").read_text()
