"""Lists: order, filters, and pages without gaps or duplicates."""

import os
import re
import socket
import threading
from urllib.parse import parse_qs, quote, urlparse

import pytest

from client import expect, sign_up
from contract import PRIORITIES, STATUSES, TASK_FIELDS
from grpc_client import notification_pb2, task_pb2


def all_pages(account, path, page_size, **filters):
    """Returns every task of a list and the number of its pages, and checks the Link header of each."""
    tasks, pages, token = [], 0, ""
    while True:
        parameters = {**filters, "page_size": page_size}
        if token:
            parameters["page_token"] = token
        reply = account.get(path, params=parameters)
        page = expect(reply, 200)
        assert set(page) == {"tasks", "next_page_token"}
        assert len(page["tasks"]) <= page_size
        tasks += page["tasks"]
        pages += 1
        token = page["next_page_token"]
        if not token:
            assert 'rel="next"' not in reply.headers.get("Link", "")
            return tasks, pages
        link = re.search(r'<([^>]+)>; rel="next"', reply.headers["Link"]).group(1)
        assert parse_qs(urlparse(link).query)["page_token"] == [token]
        assert pages < 100


@pytest.fixture(scope="module")
def owner(system):
    """A user with 24 tasks, no two alike, six of each status and each priority."""
    account = sign_up(system.url())
    for number in range(24):
        account.new_task(
            title=f"task {number}" + (" apple" if number % 2 else ""),
            description="with a banana" if number % 3 == 0 else None,
            status=STATUSES[number % 4], priority=PRIORITIES[(number // 4) % 4],
            due_date=f"2026-03-{1 + (number * 7) % 24:02}T12:00:00Z")
    return account


def test_a_list_without_tasks_is_an_empty_page(user):
    reply = user.get("/tasks")
    assert expect(reply, 200) == {"tasks": [], "next_page_token": ""}
    assert "Link" not in reply.headers


def test_a_list_shows_the_whole_task_newest_first(owner):
    tasks, _ = all_pages(owner, "/tasks", 200)
    assert len(tasks) == 24 and all(set(task) == TASK_FIELDS for task in tasks)
    assert [task["title"].split()[1] for task in tasks] == [str(n) for n in range(23, -1, -1)]
    assert tasks[0] == expect(owner.get(f"/tasks/{tasks[0]['id']}"), 200)


@pytest.mark.parametrize("page_size, pages", [(1, 24), (5, 5), (7, 4), (23, 2), (200, 1)])
def test_pages_together_are_the_list(owner, page_size, pages):
    whole, _ = all_pages(owner, "/tasks", 200)
    tasks, count = all_pages(owner, "/tasks", page_size)
    assert [task["id"] for task in tasks] == [task["id"] for task in whole]
    assert count in (pages, pages + (24 % page_size == 0))


def test_a_link_can_be_followed_as_it_is(owner):
    reply = owner.get("/tasks", params={"page_size": 10, "order_by": "due_date desc",
                                        "status": ["PENDING", "COMPLETED"]})
    link = re.search(r'<([^>]+)>; rel="next"', reply.headers["Link"]).group(1)
    target = urlparse(link)
    second = expect(owner.get(f"{target.path}?{target.query}"), 200)
    assert len(second["tasks"]) == 2
    assert {task["status"] for task in second["tasks"]} <= {"PENDING", "COMPLETED"}


@pytest.mark.parametrize("field", ["created_at", "due_date", "priority", "updated_at"])
@pytest.mark.parametrize("direction", ["", " asc", " desc"])
def test_every_order_holds_across_pages(owner, field, direction):
    tasks, _ = all_pages(owner, "/tasks", 5, order_by=field + direction)
    rank = PRIORITIES.index if field == "priority" else str
    keys = [rank(task[field]) for task in tasks]
    assert keys == sorted(keys, reverse=direction == " desc")
    assert len({task["id"] for task in tasks}) == 24


def test_ties_are_broken_by_id(owner):
    for direction in ("", " desc"):
        tasks, _ = all_pages(owner, "/tasks", 5, order_by="priority" + direction)
        for priority in PRIORITIES:
            ids = [task["id"] for task in tasks if task["priority"] == priority]
            assert ids in (sorted(ids), sorted(ids, reverse=True))


@pytest.mark.parametrize("order", ["due_date", "due_date desc"])
def test_tasks_without_a_due_date_are_listed_once(user, order):
    expected = {user.new_task(due_date=due)["id"] for due in
                (None, "2026-01-01T00:00:00Z", None, "2026-01-02T00:00:00Z", None)}
    tasks, _ = all_pages(user, "/tasks", 2, order_by=order)
    assert len(tasks) == 5 and {task["id"] for task in tasks} == expected
    dated = [task["due_date"] for task in tasks[:2]]
    assert dated == sorted(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"], reverse="desc" in order)
    # The others come last in both directions, by id.
    ids = [task["id"] for task in tasks[2:]]
    assert ids == sorted(ids, reverse="desc" in order)


@pytest.mark.parametrize("filters, keep", [
    ({"status": "PENDING"}, lambda t: t["status"] == "PENDING"),
    ({"status": ["PENDING", "CANCELLED"]}, lambda t: t["status"] in ("PENDING", "CANCELLED")),
    ({"priority": "URGENT"}, lambda t: t["priority"] == "URGENT"),
    ({"priority": ["LOW", "HIGH"]}, lambda t: t["priority"] in ("LOW", "HIGH")),
    ({"due_before": "2026-03-10T12:00:00Z"}, lambda t: t["due_date"] < "2026-03-10T12:00:00Z"),
    ({"due_after": "2026-03-10T12:00:00Z"}, lambda t: t["due_date"] >= "2026-03-10T12:00:00Z"),
    ({"due_after": "2026-03-10T13:00:00+01:00", "due_before": "2026-03-20T12:00:00Z"},
     lambda t: "2026-03-10T12:00:00Z" <= t["due_date"] < "2026-03-20T12:00:00Z"),
    ({"q": "apple"}, lambda t: "apple" in t["title"]),
    ({"q": "banana"}, lambda t: t["description"] is not None),
    ({"q": "banana apple"}, lambda t: t["description"] and "apple" in t["title"]),
    ({"q": "apple", "status": "IN_PROGRESS", "priority": "LOW"},
     lambda t: "apple" in t["title"] and t["status"] == "IN_PROGRESS" and t["priority"] == "LOW"),
    ({"q": "cherry"}, lambda t: False),
])
def test_a_filter_keeps_what_it_names_and_nothing_else(owner, filters, keep):
    whole, _ = all_pages(owner, "/tasks", 200)
    expected = [task["id"] for task in whole if keep(task)]
    for page_size in (2, 200):
        tasks, _ = all_pages(owner, "/tasks", page_size, **filters)
        assert [task["id"] for task in tasks] == expected


PASTED = "Milk/Bread, see report.pdf, ABC-123, jane@acme.example, <urgent>"


@pytest.fixture(scope="module")
def searched(system):
    """A user with tasks in several scripts."""
    account = sign_up(system.url())
    for title in (PASTED, "Cafe\u0301 Crème", "ΟΔΥΣΣΕΥΣ", "购买牛奶", "ซื้อนมสด", "Buy groceries", "🎉 !?"):
        account.new_task(title=title)
    account.new_task(title="Long", description="far " * 1_100 + "beyond")
    return account


def found(account, text, services=None):
    """The titles of the tasks that a search finds, by both REST lists and by gRPC."""
    by_rest = [task["title"] for task in expect(account.get("/tasks", params={"q": text}), 200)["tasks"]]
    one_users = expect(account.get(f"/users/{account.id}/tasks", params={"q": text}), 200)["tasks"]
    assert [task["title"] for task in one_users] == by_rest
    tasks = services(account).tasks
    assert [task.title for task in tasks.ListTasks(task_pb2.ListTasksRequest(q=text)).tasks] == by_rest
    assert [task.title for task in tasks.ListUserTasks(task_pb2.ListUserTasksRequest(user_id=account.id, q=text)).tasks] == by_rest
    return by_rest


@pytest.mark.parametrize("text, title", [
    *((text, PASTED) for text in ("milk", "bread", "report", "123", "jane", "urgent", "acme.example", "report.pdf", "ABC-123", "MILK urge")),
    ("café", "Cafe\u0301 Crème"), ("cafe\u0301", "Cafe\u0301 Crème"), ("creme", "Cafe\u0301 Crème"), ("CRÈM", "Cafe\u0301 Crème"),
    ("οδυσσεύς", "ΟΔΥΣΣΕΥΣ"), ("Οδυσσευσ", "ΟΔΥΣΣΕΥΣ"), ("牛奶", "购买牛奶"), ("牛", "购买牛奶"), ("นม", "ซื้อนมสด"), ("groc", "Buy groceries"),
    ("gr", "Buy groceries"), ("far", "Long"),
])
def test_a_search_finds_the_words_that_stand_in_a_task(searched, services, text, title):
    assert found(searched, text, services) == [title]


@pytest.mark.parametrize("text", ["g", "groc ", "roceries", "奶牛", "beyond", "milk groceries"])
def test_a_search_finds_nothing_else(searched, services, text):
    assert found(searched, text, services) == []


@pytest.mark.parametrize("text", [" ", "🎉", "?!", "\u0301", "-"])
def test_a_search_without_any_word_is_ignored(searched, services, text):
    assert len(found(searched, text, services)) == 8


@pytest.mark.parametrize("text", ["%", "_", "100%", "a'b", "(", "&", "!", "\\", ":*", "\"", "a & b"])
def test_signs_in_a_search_are_only_text(owner, text):
    expect(owner.get("/tasks", params={"q": text}), 200)


@pytest.mark.parametrize("other_filters", [
    {"status": "COMPLETED"}, {"order_by": "due_date"}, {"order_by": "created_at asc"},
    {"q": "apple"}, {"priority": "LOW"}, {"due_before": "2026-03-10T12:00:00Z"}])
def test_a_page_token_belongs_to_its_filters(owner, other_filters):
    token = expect(owner.get("/tasks", params={"page_size": 2}), 200)["next_page_token"]
    expect(owner.get("/tasks", params={"page_size": 2, "page_token": token, **other_filters}),
           400, "INVALID_PAGE_TOKEN")


def test_a_page_may_be_of_another_size_than_the_one_before(owner):
    token = expect(owner.get("/tasks", params={"page_size": 2}), 200)["next_page_token"]
    page = expect(owner.get("/tasks", params={"page_size": 5, "page_token": token}), 200)
    whole, _ = all_pages(owner, "/tasks", 200)
    assert [task["id"] for task in page["tasks"]] == [task["id"] for task in whole[2:7]]


@pytest.mark.parametrize("spoil", [
    lambda token: token[:-1], lambda token: token + "A", lambda token: token[1:],
    lambda token: token[:4] + ("A" if token[4] != "A" else "B") + token[5:],
    lambda token: "x", lambda token: "A" * 3000, lambda token: token + "%00",
    lambda token: "é", lambda token: "=" * 8,
])
def test_a_spoilt_page_token_is_refused(owner, spoil):
    token = expect(owner.get("/tasks", params={"page_size": 2}), 200)["next_page_token"]
    expect(owner.get("/tasks", params={"page_size": 2, "page_token": spoil(token)}),
           400, "INVALID_PAGE_TOKEN")


def test_somebody_elses_page_token_shows_nothing_of_theirs(owner, user):
    token = expect(owner.get("/tasks", params={"page_size": 2}), 200)["next_page_token"]
    user.new_task()
    reply = user.get("/tasks", params={"page_size": 2, "page_token": token})
    if reply.status_code == 200:
        assert all(task["user_id"] == user.id for task in reply.json()["tasks"])
    else:
        expect(reply, 400, "INVALID_PAGE_TOKEN")


def test_pages_stay_whole_while_tasks_come_and_go(user):
    before = [user.new_task(title=f"{n}")["id"] for n in range(9)][::-1]
    first = expect(user.get("/tasks", params={"page_size": 3}), 200)
    user.new_task(title="late")
    expect(user.delete(f"/tasks/{before[2]}"), 204)
    seen, token = [task["id"] for task in first["tasks"]], first["next_page_token"]
    while token:
        page = expect(user.get("/tasks", params={"page_size": 3, "page_token": token}), 200)
        seen += [task["id"] for task in page["tasks"]]
        token = page["next_page_token"]
    assert seen == before


def test_a_plain_user_sees_own_tasks_only(user, other):
    mine = user.new_task()["id"]
    other.new_task()
    tasks, _ = all_pages(user, "/tasks", 50)
    assert [task["id"] for task in tasks] == [mine]
    reply = user.get("/tasks", params={"user_id": other.id})
    assert reply.status_code in (403, 404) or reply.json()["tasks"] == [], reply.text


def test_an_admin_sees_everybodys_tasks_and_can_ask_for_one_users(admin, user, other):
    mine, theirs = user.new_task()["id"], other.new_task()["id"]
    newest = expect(admin.get("/tasks", params={"page_size": 2}), 200)["tasks"]
    assert [task["id"] for task in newest] == [theirs, mine]
    tasks, _ = all_pages(admin, "/tasks", 50, user_id=user.id)
    assert [task["id"] for task in tasks] == [mine]


def test_the_tasks_of_one_user_are_for_that_user_and_admins(admin, owner, user):
    path = f"/users/{owner.id}/tasks"
    own, _ = all_pages(owner, path, 7)
    by_admin, _ = all_pages(admin, path, 50)
    assert len(own) == 24 and own == by_admin
    stranger = expect(user.get(path), 404)
    nowhere = expect(user.get("/users/01890000-0000-7000-8000-000000000000/tasks"), 404)
    assert stranger == nowhere
    done, _ = all_pages(owner, path, 2, status="COMPLETED", order_by="due_date")
    assert len(done) == 6


@pytest.mark.parametrize("path", ["/tasks", "/users/{id}/tasks", "/users"])
@pytest.mark.parametrize("size", ["0", "-1", "9999", "201", "text", "1.5", "", " 5", "0x10",
                                  "99999999999999999999", "+5"])
def test_a_page_size_outside_1_to_200_is_refused(admin, path, size):
    answer = expect(admin.get(path.format(id=admin.id) + "?page_size=" + size.replace("+", "%2B")),
                    400, "INVALID_ARGUMENT")
    assert "page_size" in answer["details"]


@pytest.mark.parametrize("name, value", [
    ("status", "DONE"), ("status", "pending"), ("status", ""), ("priority", "5"),
    ("priority", "PRIORITY_UNSPECIFIED"), ("order_by", "title"), ("order_by", "due_date up"),
    ("order_by", "id; drop table tasks"), ("order_by", "due_date, title"),
    ("due_before", "tomorrow"), ("due_before", "2026-02-30T00:00:00Z"),
    ("due_after", "2026-11-22T10:00:00"), ("q", "\x00")])
def test_a_wrong_filter_is_named(user, name, value):
    answer = expect(user.get("/tasks", params={name: value}), 400, "INVALID_ARGUMENT")
    assert name in answer["details"]


def test_all_wrong_filters_are_named_at_once(user):
    answer = expect(user.get("/tasks?page_size=0&status=X&order_by=title&due_before=never"),
                    400, "INVALID_ARGUMENT")
    assert set(answer["details"]) == {"page_size", "status", "order_by", "due_before"}


# Pages with much text

#: A page ends before it has this much text.
PAGE_BYTES = 1 << 20


@pytest.mark.parametrize("character, count", [("😀", 110), ("a\u0001", 45), ("\"", 110)])
def test_a_page_ends_before_a_mebibyte_of_text(user, system, services, character, count):
    system.sql("task_db", """
        INSERT INTO tasks (id, title, description, user_id, created_at, updated_at)
        SELECT gen_random_uuid(), 'Task ' || n, left(repeat(:'text', 10000), 10000), :'owner', now() + n * interval '1 ms', now()
          FROM generate_series(1, :count) n""", text=character, owner=user.id, count=count)
    whole = [f"Task {number}" for number in range(count, 0, -1)]
    for path in ("/tasks", f"/users/{user.id}/tasks"):
        titles, pages, token = [], 0, ""
        while token or not pages:
            reply = user.get(path, params={"page_size": 200, "page_token": token}, headers={"Accept-Encoding": "identity"})
            page = expect(reply, 200)
            titles += [task["title"] for task in page["tasks"]]
            assert all(len(task["description"]) == 10_000 for task in page["tasks"])
            assert 0 < len(reply.content) < PAGE_BYTES + 200 * 500, len(reply.content)
            pages, token = pages + 1, page["next_page_token"]
        assert titles == whole and pages > 1
    tasks, token, titles = services(user).tasks, "", []     # of a client that takes 4 MiB at most
    while True:
        page = tasks.ListTasks(task_pb2.ListTasksRequest(page_size=200, page_token=token))
        assert page.ByteSize() < PAGE_BYTES + 200 * 500
        titles += [task.title for task in page.tasks]
        token = page.next_page_token
        if not token:
            break
    assert titles == whole


def test_a_page_of_notifications_ends_before_a_mebibyte_of_text(user, system, services):
    system.sql("notification_db", """
        INSERT INTO notifications (id, type, recipient, subject, body, user_id, created_at)
        SELECT gen_random_uuid(), 'EMAIL', 'a@example.com', 'Number ' || n, repeat('😀', 10000), :'owner', now() - n * interval '1 s'
          FROM generate_series(1, 110) n""", owner=user.id)
    subjects, token, pages = [], "", 0
    while token or not pages:
        reply = user.get("/notifications", params={"page_size": 200, "page_token": token}, headers={"Accept-Encoding": "identity"})
        page = expect(reply, 200)
        assert len(reply.content) < PAGE_BYTES + 200 * 500
        assert all(len(one["body"]) == 10_000 for one in page["notifications"])
        subjects += [one["subject"] for one in page["notifications"]]
        pages, token = pages + 1, page["next_page_token"]
    assert subjects == [f"Number {number}" for number in range(1, 111)] and pages > 1
    by_grpc = services(user).notifications.ListNotifications(notification_pb2.ListNotificationsRequest(page_size=200))
    assert 0 < len(by_grpc.notifications) < 110 and by_grpc.next_page_token


def test_a_list_reads_little_more_than_a_page_from_the_database(user, system, tmp_path):
    system.sql("task_db", """
        INSERT INTO tasks (id, title, description, user_id, created_at, updated_at)
        SELECT gen_random_uuid(), 'Task ' || n, repeat('😀', 10000), :'owner', now(), now()
          FROM generate_series(1, 200) n""", owner=user.id)
    with CountingRelay(tmp_path, f"{system.postgres.socket_dir}/.s.PGSQL.5432") as relay:
        url = system.environment_of("list-tasks")["DATABASE_URL"]
        url = re.sub(r"host=[^&]*", f"host={quote(str(tmp_path), safe='')}", url)
        done = system.run_function(
            "list-tasks", DATABASE_URL=url, REQUEST_METHOD="GET", DOCUMENT_URI="/api/v1/tasks", REQUEST_URI="/api/v1/tasks",
            QUERY_STRING="page_size=200", REMOTE_ADDR="127.0.0.1", REQUEST_ID="relay", HTTP_AUTHORIZATION=f"Bearer {user.token}")
        assert done.stdout.startswith(b"Status: 200"), done
        assert 500_000 < len(done.stdout) < PAGE_BYTES + 200 * 500
        assert PAGE_BYTES / 2 < relay.received < 1.5 * PAGE_BYTES


class CountingRelay:
    """A Unix socket that stands before another one and counts the bytes that come from it."""

    def __init__(self, folder, target):
        self.received, self.target = 0, target
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{folder}/.s.PGSQL.5432")
        os.chmod(f"{folder}/.s.PGSQL.5432", 0o666)
        for place in (folder, *list(folder.parents)[:3]):
            os.chmod(place, 0o755)
        self.listener.listen()

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _serve(self):
        try:
            while True:
                near, far = self.listener.accept()[0], socket.socket(socket.AF_UNIX)
                far.connect(self.target)
                threading.Thread(target=self._copy, args=(near, far, False), daemon=True).start()
                threading.Thread(target=self._copy, args=(far, near, True), daemon=True).start()
        except OSError:
            pass        # the listener is closed

    def _copy(self, source, target, counts):
        while data := source.recv(1 << 16):
            self.received += len(data) * counts
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
