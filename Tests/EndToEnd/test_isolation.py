"""The permissions of each function's database role: its own service's rows, and nothing else."""

import subprocess

import pytest

SERVICES = {"user": ("get-user", "user_db", "users"), "auth": ("login", "user_db", "refresh_tokens"),
            "task": ("get-task", "task_db", "tasks")}
OTHER = {"user_db": "task_db", "task_db": "user_db"}


@pytest.fixture(params=SERVICES)
def role(system, request):
    """Queries the database as a function of this service does: with the same user and URL."""
    function, database, table = SERVICES[request.param]
    address = system.environment_of(function)["DATABASE_URL"]

    def ask(statement, of=database):
        return subprocess.run(
            ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", address.replace(database, of), "-c", statement],
            capture_output=True, text=True, cwd="/", timeout=20, **system.identity_of(function))

    ask.database, ask.table, ask.service = database, table, request.param
    return ask


def rows(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_role_reads_its_own_table(role):
    assert int(rows(role(f"select count(*) from {role.table}"))[0]) >= 0


def test_a_role_cannot_enter_the_other_database(role):
    done = role("select 1", of=OTHER[role.database])
    assert done.returncode != 0 and "permission denied" in done.stderr


def test_a_role_owns_nothing_and_is_nobody_special(role):
    assert rows(role("select count(*) from pg_shdepend where deptype = 'o' and refobjid = "
                     "(select oid from pg_roles where rolname = current_user)")) == ["0"]
    assert rows(role("select rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls "
                     "from pg_roles where rolname = current_user")) == ["f"]
    assert rows(role("select count(*) from pg_auth_members where member = "
                     "(select oid from pg_roles where rolname = current_user)")) == ["0"]


@pytest.mark.parametrize("statement", [
    "create table public.mine (id int)", "create schema mine", "create database mine", "create role mine",
    "drop table {table}", "truncate {table}", "alter table {table} add column x int",
    "create index on {table} (id)", "alter table {table} disable trigger all", "create extension dblink",
    "copy {table} to '/tmp/x'", "copy {table} from program 'true'", "select pg_read_file('/etc/passwd')",
    "alter system set fsync = off", "set role user_db_owner", "set role task_db_owner", "set role postgres"])
def test_a_role_cannot_change_the_structure_or_leave_the_database(role, statement):
    done = role(statement.format(table=role.table))
    assert done.returncode != 0, statement
    assert any(word in done.stderr for word in ("permission denied", "must be", "does not exist")), done.stderr


def test_the_services_have_roles_of_their_own(system):
    users = {name: system.environment_of(function)["DATABASE_URL"] for name, (function, *_) in SERVICES.items()}
    assert len(set(users.values())) == 3


def test_a_function_has_no_other_databases_address(system):
    for name, (function, database, _) in SERVICES.items():
        others = [value for key, value in system.environment_of(function).items()
                  if OTHER[database] in value and key.startswith("DATABASE")]
        assert others == [], f"{name} knows {others}"
