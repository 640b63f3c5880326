"""Accounts: creating, reading, changing, deleting and listing users."""

import re
import secrets
import time
import uuid

import pytest

from client import PASSWORD, Client, expect, sign_up
from contract import USER_FIELDS

UTC_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
NO_SUCH_ID = "01890000-0000-7000-8000-000000000000"


def can_sign_in(system, name, password):
    reply = Client(system.url()).post("/auth/login", {"username": name, "password": password})
    assert reply.status_code in (200, 401)
    return reply.status_code == 200


def test_a_sign_up_answers_with_the_whole_user_and_where_it_lives(anyone):
    name = f"Ada.Lovelace_{secrets.token_hex(4)}-x"
    reply = anyone.post("/users", {
        "username": name, "email": f"{name}@example.com", "password": PASSWORD})
    user = expect(reply, 201)
    assert set(user) == USER_FIELDS
    assert user["username"] == name and user["email"].lower() == f"{name}@example.com".lower()
    assert user["full_name"] is None and user["time_zone"] == "UTC"
    assert user["role"] == "USER" and user["version"] in (1, "1")
    assert uuid.UUID(user["id"]).version == 7
    assert reply.headers["Location"].endswith(f"/users/{user['id']}")
    for field in ("created_at", "updated_at"):
        assert UTC_TIMESTAMP.fullmatch(user[field])


def test_versions_are_numbers(user):
    version = expect(user.get(f"/users/{user.id}"), 200)["version"]
    assert version == 1 and isinstance(version, int)


def test_a_password_never_comes_back(user):
    text = user.get(f"/users/{user.id}").text.lower()
    assert "password" not in text and "$2" not in text and PASSWORD not in text


@pytest.mark.parametrize("change", [str.upper, str.lower, str.title])
def test_a_username_is_taken_regardless_of_case(anyone, new_user, change):
    taken = new_user(signed_in=False)
    expect(anyone.post("/users", {
        "username": change(taken.username), "email": f"other-{taken.username}@example.com",
        "password": PASSWORD}), 409, "USERNAME_TAKEN")


def test_an_email_is_taken_regardless_of_case(anyone, new_user):
    taken = new_user(signed_in=False)
    expect(anyone.post("/users", {
        "username": f"x{taken.username}", "email": taken.user["email"].upper(),
        "password": PASSWORD}), 409, "EMAIL_TAKEN")


@pytest.mark.parametrize("field, value", [
    ("username", "ab"), ("username", "x" * 101), ("username", "with space"),
    ("username", "ümlaut"), ("username", "a/b"), ("username", ""), ("username", "new\nline"),
    ("email", ""), ("email", "nobody"), ("email", "@example.com"), ("email", "nobody@"),
    ("email", "a b@example.com"), ("email", "a@b@example.com"), ("email", "a@example..com"),
    ("email", "a@b.com\n"), ("email", "a" * 250 + "@b.com"),
    ("password", ""), ("password", "seven77"), ("password", "x" * 73), ("password", "€" * 25),
    ("full_name", "x" * 256),
    ("time_zone", "Mars/Olympus"), ("time_zone", "../../etc/passwd"), ("time_zone", ""),
    ("time_zone", "/etc/localtime"),
])
def test_a_wrong_field_is_named(anyone, field, value):
    body = {"username": "perfectly-fine", "email": "fine@example.org", "password": PASSWORD}
    answer = expect(anyone.post("/users", {**body, field: value}), 400, "INVALID_ARGUMENT")
    assert set(answer["details"]) == {field}


def test_the_longest_and_shortest_values_are_accepted(new_user):
    long = "x" * 84 + secrets.token_hex(8)
    assert new_user(username=long, email=f"{secrets.token_hex(8)}@example.com").username == long
    assert len(new_user(full_name="ü" * 255).user["full_name"]) == 255
    new_user(username=secrets.token_hex(2)[:3])
    new_user(password="eight888")


@pytest.mark.parametrize("password", ["x" * 72, "€" * 24], ids=["72 letters", "24 times 3 bytes"])
def test_a_password_of_72_bytes_counts_to_its_last_byte(system, new_user, password):
    account = new_user(password=password, signed_in=False)
    assert can_sign_in(system, account.username, password)
    assert not can_sign_in(system, account.username, password[:-1])


def test_time_zones_are_those_of_iana(new_user):
    for zone in ("Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC"):
        assert new_user(time_zone=zone).user["time_zone"] == zone


def test_what_belongs_to_others_looks_like_what_does_not_exist(user, other):
    foreign = expect(user.get(f"/users/{other.id}"), 404, "USER_NOT_FOUND")
    assert foreign == expect(user.get(f"/users/{NO_SUCH_ID}"), 404, "USER_NOT_FOUND")
    for answer in (user.patch(f"/users/{other.id}", {"full_name": "Mallory"}),
                   user.delete(f"/users/{other.id}")):
        expect(answer, 404, "USER_NOT_FOUND")
    assert expect(other.get(f"/users/{other.id}"), 200)["full_name"] is None


def test_an_admin_sees_and_changes_everybody(admin, user):
    assert expect(admin.get(f"/users/{user.id}"), 200)["username"] == user.username
    changed = expect(admin.patch(f"/users/{user.id}", {"full_name": "Ada"}), 200)
    assert changed["full_name"] == "Ada"


def test_patch_changes_what_is_given_and_null_clears(new_user):
    user = new_user(full_name="Ada", time_zone="Europe/Berlin")
    path = f"/users/{user.id}"
    changed = expect(user.patch(path, {"full_name": "Ada King"}), 200)
    assert changed["full_name"] == "Ada King" and changed["time_zone"] == "Europe/Berlin"
    assert changed["version"] == 2 and changed["updated_at"] >= changed["created_at"]
    assert expect(user.patch(path, {"full_name": None}), 200)["full_name"] is None
    assert expect(user.get(path), 200)["full_name"] is None


def test_put_replaces_and_a_missing_optional_field_takes_its_default(new_user):
    user = new_user(full_name="Ada", time_zone="Europe/Berlin")
    replaced = expect(user.put(f"/users/{user.id}", {
        "username": user.username, "email": "new-" + user.user["email"]}), 200)
    assert replaced["email"] == "new-" + user.user["email"]
    assert replaced["full_name"] is None and replaced["time_zone"] == "UTC"
    assert user.another_session().token


def test_put_names_the_required_fields_that_are_missing(user):
    answer = expect(user.put(f"/users/{user.id}", {"full_name": "Ada"}), 400, "INVALID_ARGUMENT")
    assert {"username", "email"} <= set(answer["details"])


def test_a_change_to_a_name_that_is_taken_is_refused(user, other):
    expect(user.patch(f"/users/{user.id}", {"username": other.username.upper()}),
           409, "USERNAME_TAKEN")
    expect(user.patch(f"/users/{user.id}", {"email": other.user["email"]}), 409, "EMAIL_TAKEN")
    expect(user.patch(f"/users/{user.id}", {"username": user.username.upper()}), 200)


def test_updates_honour_if_match(user):
    path = f"/users/{user.id}"
    tag = user.get(path).headers["ETag"]
    assert tag == '"1"'
    expect(user.patch(path, {"full_name": "A"}, headers={"If-Match": tag}), 200)
    expect(user.patch(path, {"full_name": "B"}, headers={"If-Match": tag}),
           412, "VERSION_MISMATCH")
    expect(user.put(path, {"username": user.username, "email": user.user["email"]},
                    headers={"If-Match": tag}), 412, "VERSION_MISMATCH")
    assert expect(user.get(path), 200)["full_name"] == "A"


@pytest.mark.parametrize("current", [None, "not my password"], ids=["missing", "wrong"])
def test_a_new_password_needs_the_current_one(system, user, current):
    body = {"password": "a brand new one"}
    if current:
        body["current_password"] = current
    reply = user.patch(f"/users/{user.id}", body)
    assert reply.status_code in (400, 401, 403), reply.text
    assert can_sign_in(system, user.username, user.password)
    assert not can_sign_in(system, user.username, "a brand new one")


def test_a_new_password_replaces_the_old_one(system, user):
    expect(user.patch(f"/users/{user.id}", {
        "password": "a brand new one", "current_password": user.password}), 200)
    assert can_sign_in(system, user.username, "a brand new one")
    assert not can_sign_in(system, user.username, user.password)


def test_an_admin_sets_a_password_without_the_current_one(system, admin, user):
    expect(admin.patch(f"/users/{user.id}", {"password": "set by the admin"}), 200)
    assert can_sign_in(system, user.username, "set by the admin")


def test_nobody_makes_an_admin_of_themselves(anyone, admin, user):
    assert user.patch(f"/users/{user.id}", {"role": "ADMIN"}).status_code in (400, 403)
    assert expect(user.get(f"/users/{user.id}"), 200)["role"] == "USER"
    expect(user.get("/users"), 403, "PERMISSION_DENIED")
    reply = anyone.post("/users", {"username": "mallory", "email": "mallory@example.com",
                                   "password": PASSWORD, "role": "ADMIN"})
    assert reply.status_code in (400, 403)


def test_an_admin_gives_a_role(admin, user):
    assert expect(admin.patch(f"/users/{user.id}", {"role": "ADMIN"}), 200)["role"] == "ADMIN"
    expect(user.another_session().get("/users"), 200)


def test_a_deleted_user_is_gone_with_every_session(system, admin, user):
    task = user.new_task()
    expect(user.delete(f"/users/{user.id}"), 204)
    gone = time.monotonic()
    assert not can_sign_in(system, user.username, user.password)
    expect(user.post("/auth/refresh", {"refresh_token": user.refresh_token}), 401)
    expect(admin.get(f"/users/{user.id}"), 404, "USER_NOT_FOUND")
    time.sleep(max(0, gone + 1 - time.monotonic()))
    expect(user.get("/tasks"), 401)
    stranger = sign_up(system.url())
    expect(stranger.get(f"/tasks/{task['id']}"), 404, "TASK_NOT_FOUND")


def test_an_admin_removes_anybody(admin, user):
    expect(admin.delete(f"/users/{user.id}"), 204)
    expect(admin.delete(f"/users/{user.id}"), 404, "USER_NOT_FOUND")


def test_only_admins_list_users(user):
    expect(user.get("/users"), 403, "PERMISSION_DENIED")


def test_users_are_listed_page_by_page_newest_first(admin, new_user):
    made = [new_user(signed_in=False).id for _ in range(5)]
    seen, token = [], ""
    while True:
        page = expect(admin.get("/users", params={"page_size": 2, "page_token": token}), 200)
        assert set(page) == {"users", "next_page_token"}
        assert all(set(user) == USER_FIELDS for user in page["users"])
        seen += [user["id"] for user in page["users"]]
        token = page["next_page_token"]
        if not token:
            break
    assert len(seen) == len(set(seen))
    assert [id for id in seen if id in made] == made[::-1]


def test_a_closed_sign_up_is_open_to_admins_only(strict_system, strict_admin):
    body = {"username": "outsider", "email": "outsider@example.com", "password": PASSWORD}
    refused = Client(strict_system.url()).post("/users", body)
    assert refused.status_code in (401, 403), refused.text
    member = sign_up(strict_system.url(), token=strict_admin.token)
    assert member.token
    assert member.post("/users", body).status_code == 403


def test_create_admin_refuses_what_the_api_would_refuse(system, admin):
    done = system.script("create-admin", "x", "no-address", check=False, stdin="short\n")
    assert done.returncode != 0 and done.stderr.strip()
    taken = system.script("create-admin", admin.username, "chief2@example.com", check=False,
                          stdin="long enough password\n")
    assert taken.returncode != 0 and taken.stderr.strip()
