"""Tasks: creating, reading, changing and deleting them."""

import uuid

import pytest

from client import expect
from contract import MOVES, PRIORITIES, STATUSES, TASK_FIELDS

NO_SUCH_ID = "01890000-0000-7000-8000-000000000000"


def test_a_new_task_answers_with_the_whole_task_and_where_it_lives(user):
    reply = user.post("/tasks", {"title": "water the plants"})
    task = expect(reply, 201)
    assert set(task) == TASK_FIELDS
    assert task["title"] == "water the plants" and task["description"] is None
    assert task["status"] == "PENDING" and task["priority"] == "MEDIUM"
    assert task["user_id"] == user.id and task["due_date"] is None and task["version"] == 1
    assert uuid.UUID(task["id"]).version == 7
    assert reply.headers["Location"].endswith(f"/tasks/{task['id']}")
    assert expect(user.get(f"/tasks/{task['id']}"), 200) == task


def test_every_field_comes_back_as_it_was_given(user):
    given = {"title": "Ünïcode ✓ 😀 \"quoted\" \\ \t /", "description": "line\nline\u2028\u0001end",
             "status": "IN_PROGRESS", "priority": "URGENT", "due_date": "2026-11-22T10:00:00Z"}
    task = user.new_task(**given)
    assert {field: task[field] for field in given} == given
    read = expect(user.get(f"/tasks/{task['id']}"), 200)
    assert {field: read[field] for field in given} == given


@pytest.mark.parametrize("given, kept", [
    ("2026-11-22T10:00:00+05:30", "2026-11-22T04:30:00Z"),
    ("2026-01-01T00:00:00-23:59", "2026-01-01T23:59:00Z"),
    ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z"),
    ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
])
def test_any_offset_is_accepted_and_utc_comes_back(user, given, kept):
    assert user.new_task(due_date=given)["due_date"] == kept


def test_fractions_of_a_second_are_kept_to_the_microsecond(user):
    due = user.new_task(due_date="2026-11-22T10:00:00.123456Z")["due_date"]
    assert due == "2026-11-22T10:00:00.123456Z"


def test_the_longest_values_are_accepted(user):
    task = user.new_task(title="😀" * 255, description="é" * 10_000)
    assert len(task["title"]) == 255 and len(task["description"]) == 10_000


@pytest.mark.parametrize("field, value", [
    ("title", ""), ("title", "x" * 256), ("description", "x" * 10_001)])
def test_too_short_and_too_long_values_are_named(user, field, value):
    answer = expect(user.post("/tasks", {"title": "fine", field: value}), 400, "INVALID_ARGUMENT")
    assert set(answer["details"]) == {field}


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
def test_a_status_moves_only_along_the_allowed_ways(user, before, after):
    path = f"/tasks/{user.new_task(status=before)['id']}"
    reply = user.patch(path, {"status": after})
    if after in MOVES[before]:
        assert expect(reply, 200)["status"] == after
        return
    answer = expect(reply, 409, "INVALID_TRANSITION")
    allowed = answer["details"]["allowed"]
    assert all(status in allowed for status in MOVES[before] - {before})
    assert after not in allowed
    assert expect(user.get(path), 200)["status"] == before


def test_patch_changes_what_is_given_and_null_clears(user):
    task = user.new_task(description="long", priority="HIGH", due_date="2026-11-22T10:00:00Z")
    path = f"/tasks/{task['id']}"
    changed = expect(user.patch(path, {"title": "other"}), 200)
    assert changed == {**task, "title": "other", "version": 2,
                       "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > task["updated_at"]
    cleared = expect(user.patch(path, {"due_date": None, "description": None}), 200)
    assert cleared["due_date"] is None and cleared["description"] is None
    assert cleared["title"] == "other" and cleared["priority"] == "HIGH"


def test_put_replaces_and_missing_optional_fields_take_their_defaults(user):
    task = user.new_task(description="long", priority="HIGH", due_date="2026-11-22T10:00:00Z",
                         status="IN_PROGRESS")
    replaced = expect(user.put(f"/tasks/{task['id']}", {"title": "new"}), 200)
    assert replaced["title"] == "new" and replaced["description"] is None
    assert replaced["status"] == "PENDING" and replaced["priority"] == "MEDIUM"
    assert replaced["due_date"] is None and replaced["user_id"] == user.id


def test_put_needs_a_title_and_patch_cannot_clear_it(user):
    path = f"/tasks/{user.new_task()['id']}"
    for reply in (user.put(path, {"priority": "LOW"}), user.patch(path, {"title": None}),
                  user.patch(path, {"title": ""})):
        assert "title" in expect(reply, 400, "INVALID_ARGUMENT")["details"]
    assert expect(user.get(path), 200)["version"] == 1


def test_a_version_is_an_etag_and_guards_updates(user):
    task = user.new_task()
    path = f"/tasks/{task['id']}"
    assert user.get(path).headers["ETag"] == '"1"'
    expect(user.patch(path, {"title": "a"}, headers={"If-Match": '"1"'}), 200)
    assert user.get(path).headers["ETag"] == '"2"'
    expect(user.patch(path, {"title": "b"}, headers={"If-Match": '"1"'}), 412, "VERSION_MISMATCH")
    expect(user.put(path, {"title": "b"}, headers={"If-Match": '"7"'}), 412, "VERSION_MISMATCH")
    expect(user.put(path, {"title": "c"}, headers={"If-Match": "*"}), 200)
    assert expect(user.get(path), 200)["title"] == "c"


@pytest.mark.parametrize("tag", ["1", '"x"', '"', "", '"99999999999999999999"'])
def test_an_if_match_that_is_no_version_changes_nothing(user, tag):
    path = f"/tasks/{user.new_task(title='kept')['id']}"
    reply = user.patch(path, {"title": "changed"}, headers={"If-Match": tag})
    assert reply.status_code in (400, 412), reply.text
    assert expect(user.get(path), 200)["title"] == "kept"


def test_a_deleted_task_is_gone(user):
    path = f"/tasks/{user.new_task()['id']}"
    reply = user.delete(path)
    expect(reply, 204)
    assert reply.content == b""
    for gone in (user.get(path), user.delete(path), user.patch(path, {"title": "x"}),
                 user.put(path, {"title": "x"})):
        expect(gone, 404, "TASK_NOT_FOUND")


def test_what_belongs_to_others_looks_like_what_does_not_exist(user, other):
    foreign = f"/tasks/{other.new_task(title='mine')['id']}"
    for path in (foreign, f"/tasks/{NO_SUCH_ID}"):
        answers = [user.get(path), user.patch(path, {"title": "x"}),
                   user.put(path, {"title": "x"}), user.delete(path),
                   user.patch(path, {"title": "x"}, headers={"If-Match": '"9"'})]
        texts = {expect(answer, 404, "TASK_NOT_FOUND")["error"] for answer in answers}
        assert not any(other.id in text or foreign in text for text in texts)
    assert expect(other.get(foreign), 200)["title"] == "mine"


def test_an_admin_reads_changes_and_removes_anybodys_task(admin, user):
    path = f"/tasks/{user.new_task()['id']}"
    expect(admin.get(path), 200)
    assert expect(admin.patch(path, {"title": "by the admin"}), 200)["user_id"] == user.id
    expect(admin.delete(path), 204)


def test_only_an_admin_adds_a_task_for_somebody_else(admin, user, other):
    task = expect(admin.post("/tasks", {"title": "for you", "user_id": user.id}), 201)
    assert task["user_id"] == user.id
    expect(user.get(f"/tasks/{task['id']}"), 200)
    refused = [user.post("/tasks", {"title": "for you", "user_id": id})
               for id in (other.id, NO_SUCH_ID)]
    assert {reply.status_code for reply in refused} <= {403, 404}
    assert refused[0].json() == refused[1].json()
    expect(user.post("/tasks", {"title": "for me", "user_id": user.id}), 201)


def test_only_an_admin_hands_a_task_over(admin, user, other):
    path = f"/tasks/{user.new_task()['id']}"
    assert user.patch(path, {"user_id": other.id}).status_code in (400, 403, 404)
    assert expect(user.get(path), 200)["user_id"] == user.id
    assert expect(admin.patch(path, {"user_id": other.id}), 200)["user_id"] == other.id
    expect(user.get(path), 404, "TASK_NOT_FOUND")


@pytest.mark.parametrize("priority", PRIORITIES)
def test_every_priority_is_accepted(user, priority):
    assert user.new_task(priority=priority)["priority"] == priority


def test_tasks_of_a_removed_user_are_out_of_everybodys_reach(admin, user, other):
    task = user.new_task()
    expect(user.delete(f"/users/{user.id}"), 204)
    expect(other.get(f"/tasks/{task['id']}"), 404, "TASK_NOT_FOUND")
    expect(other.get(f"/users/{user.id}/tasks"), 404)
    assert admin.get(f"/tasks/{task['id']}").status_code in (200, 404)
