"""A migration of a large table, by executables that know nothing of it: under load, and killed in the middle."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from soak.load import Load
from soak.scenarios import Finding
from system import REPOSITORY

OWNER = "00000000-0000-7000-8000-00000000c010"
#: The longest that a request may take meanwhile; a lock on the whole table would last as long as the migration.
LONGEST_SECONDS = 2
BATCH = 2_000
#: Expand: a column beside the old ones, which a trigger fills for executables that do not know it.
MIGRATION = f"""-- migrate: outside a transaction
ALTER TABLE tasks ADD COLUMN IF NOT EXISTS soak_length integer;
CREATE OR REPLACE FUNCTION soak_length() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN new.soak_length := length(new.title); RETURN new; END $$;
CREATE OR REPLACE TRIGGER soak_length BEFORE INSERT OR UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION soak_length();
-- migrate: in batches, rows: SELECT count(*) FROM tasks
WITH batch AS (
  SELECT id FROM tasks WHERE id > :after AND soak_length IS NULL ORDER BY id LIMIT {BATCH} FOR UPDATE),
done AS (
  UPDATE tasks SET soak_length = length(title) FROM batch WHERE tasks.id = batch.id)
SELECT count(*), max(id) FROM batch;
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_by_soak_length ON tasks (soak_length, id);
"""
INDEX = "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('tasks_by_soak_length')"
CLEANUP = """
DROP TRIGGER IF EXISTS soak_length ON tasks;
DROP INDEX IF EXISTS tasks_by_soak_length;
DROP FUNCTION IF EXISTS soak_length();
ALTER TABLE tasks DROP COLUMN IF EXISTS soak_length;
"""


def migrations(stage, rows):
    """Migrates `rows` tasks while others are listed and created; kills `migrate` in a batch and while it makes the index."""
    system = stage.system
    folder = Path(tempfile.mkdtemp())
    try:
        for file in (REPOSITORY / "Shared/Migrations/task_db").glob("*.sql"):
            shutil.copy(file, folder)
        number = len(list(folder.iterdir())) + 1
        (folder / f"{number:04}_soak.sql").write_text(MIGRATION)
        system.postgres.sql("task_db", f"""
            INSERT INTO tasks (id, title, user_id, created_at, updated_at)
            SELECT gen_random_uuid(), 'Task ' || n, '{OWNER}', now(), now() FROM generate_series(1, {rows}) n;
            ANALYZE tasks;""", limit_seconds=1800)
        return list(_migrate(stage, folder, number, rows))
    finally:
        system.postgres.sql("task_db", CLEANUP + f"""
            DELETE FROM schema_migrations WHERE name LIKE '%soak.sql';
            DELETE FROM tasks WHERE user_id = '{OWNER}';""", limit_seconds=1800)
        shutil.rmtree(folder)


def _migrate(stage, folder, number, rows):
    system, lines = stage.system, []
    with Load(stage.port, stage.usual(large=0), clients=4) as load:
        time.sleep(1)
        before = time.monotonic()
        _killed(system, folder, lines, lambda: _done_rows(system) >= rows // 3)
        half_done = _done_rows(system)
        with _writer_at_rest(system, lambda: _done_rows(system) > half_done):
            _killed(system, folder, lines, lambda: _count(system, f"{INDEX} AND NOT indisvalid"))
            invalid = _count(system, f"{INDEX} AND NOT indisvalid")
        last = _start(system, folder)
        waiting = _start(system, folder)
        outputs = [process.communicate(timeout=3600)[0].decode() for process in (last, waiting)]
        took = time.monotonic() - before
        time.sleep(1)
        outcome = load.stop()
    codes = (last.returncode, waiting.returncode)
    lines += outputs[0].splitlines() + outputs[1].splitlines()
    slowest = outcome.latencies()[-1]
    left = _count(system, "SELECT count(*) FROM tasks WHERE soak_length IS DISTINCT FROM length(title)")
    state = system.postgres.sql("task_db", f"""
        SELECT ({INDEX} AND indisvalid),
               (SELECT count(*) FROM pg_index WHERE NOT indisvalid),
               (SELECT count(*) FROM schema_migrations WHERE number = {number})""")[0]
    applied = [line for line in lines if line.startswith("applied")]
    yield Finding(f"{rows:,} tasks migrated under load, migrate killed (-9) twice: rows right, index valid, applied once",
                  "all, 1, 1", f"{left} wrong, {state}, {applied} in {took:.0f} s",
                  left == 0 and state == ["1", "0", "1"] and len(applied) == 1 and codes == (0, 0))
    yield Finding("killed in the middle of both", "some rows, an invalid index", f"{half_done:,} rows, {invalid}",
                  0 < half_done < rows and invalid == 1)
    yield Finding("requests of executables that know nothing of it", f"all answered, the slowest in <= {LONGEST_SECONDS} s",
                  f"{outcome.total:,}: {outcome.statuses()}, slowest {slowest:.2f} s",
                  not outcome.failures() and not outcome.broken_count and slowest <= LONGEST_SECONDS)
    progress = [line for line in lines if re.search(rf"_soak\.sql: \d+ of about \d+ rows$", line)]
    yield Finding("progress", "a line a second at most", f"{len(progress)} lines", len(progress) <= took + 2)


def _done_rows(system):
    """The number of rows that the batches have handled; 0 before there is the column."""
    if not _count(system, "SELECT count(*) FROM pg_attribute WHERE attrelid = 'tasks'::regclass AND attname = 'soak_length'"):
        return 0
    return _count(system, f"SELECT count(*) FROM tasks WHERE soak_length IS NOT NULL AND user_id = '{OWNER}'")


@contextmanager
def _writer_at_rest(system, is_time):
    """From a time on, has somebody's transaction open that has written to the table: an index waits for it before it is valid."""
    psql = subprocess.Popen(["psql", "-XAtq", "-h", system.postgres.socket_dir, "-U", "postgres", "-d", "task_db"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def begin():
        while not is_time():
            time.sleep(0.02)
        psql.stdin.write("BEGIN; LOCK TABLE tasks IN ROW EXCLUSIVE MODE;\n")
        psql.stdin.flush()
    waiting = threading.Thread(target=begin)
    waiting.start()
    try:
        yield
    finally:
        waiting.join()
        psql.communicate("ROLLBACK;\n", timeout=60)


def _count(system, query):
    return int(system.postgres.sql("task_db", query, limit_seconds=120)[0][0])


def _start(system, folder):
    folder.chmod(0o755)
    return subprocess.Popen(
        [REPOSITORY / ".build/functions/migrate", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/",
        env={"PATH": os.environ["PATH"], "DATABASE_URL": f"postgresql://task_db_owner@/task_db?host={system.postgres.socket_dir}"})


def _killed(system, folder, lines, is_time):
    """Starts `migrate`, kills it when it is time, and waits until its connection is gone."""
    process = _start(system, folder)
    while not is_time():
        assert process.poll() is None, process.communicate()[0].decode()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    lines += process.communicate()[0].decode().splitlines()
    for _ in range(600):
        if not _count(system, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'migrate'"):
            return
        time.sleep(0.1)
    raise AssertionError("the server has not noticed that migrate was killed")
