"""Accounts: creating, reading, changing, deleting and listing users."""

import re
import secrets
import time
import uuid

import idna
import pytest

from client import PASSWORD, Client, expect, sign_up
from contract import USER_FIELDS
from grpc_client import refusal, user_pb2

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


# Addresses

DOMAINS = ["münchen.de", "MÜNCHEN.De", "mu\u0308nchen.de", "例え.テスト", "faß.example", "ｂücher。example", "пример.испытание",
           "mail.xn--bcher-kva.bücher.example", "정보.example", "paral·lel.cat"]


@pytest.mark.parametrize("domain", DOMAINS)
def test_an_internationalised_domain_is_one_address_in_both_its_forms(system, anyone, services, domain):
    """The judge of the ASCII form is Python's `idna`."""
    ascii_domain = idna.encode(domain, uts46=True).decode()
    name = f"user-{secrets.token_hex(6)}"
    typed, canonical = f"{name}@{domain}", f"{name}@{ascii_domain}"
    body = {"username": name, "email": typed, "password": PASSWORD}
    user = expect(anyone.post("/users", body), 201)
    assert user["email"] == canonical
    for email in (typed, canonical, canonical.upper(), f" {typed} "):
        signed_in = expect(anyone.post("/auth/login", {"email": email, "password": PASSWORD}), 200)
        assert signed_in["user"]["id"] == user["id"]
        expect(anyone.post("/users", {**body, "username": f"{name}-2", "email": email}), 409, "EMAIL_TAKEN")
        refusal(services().users.CreateUser, user_pb2.CreateUserRequest(
            username=f"{name}-2", email=email, password=PASSWORD), "EMAIL_TAKEN")
    account = Client(system.url(), signed_in["access_token"])
    changed = expect(account.patch(f"/users/{user['id']}", {"email": f"other.{typed}"}), 200)
    assert changed["email"] == f"other.{canonical}"
    expect(anyone.post("/auth/login", {"email": typed, "password": PASSWORD}), 401, "INVALID_CREDENTIALS")
    expect(anyone.post("/auth/login", {"email": f"other.{typed}", "password": PASSWORD}), 200)


def long_address(size, label="", name=""):
    rest = f"@{label}{'.'.join(['x' * 60] * 3)}.example"
    return name.ljust(size - len(rest), "a") + rest


@pytest.mark.parametrize("email", [
    long_address(255), "a" * 65 + "@example.com", "a@" + "x" * 64 + ".com", long_address(248, "bü."), "jürgen@example.com",
    "x@☃.de", "x@mün chen.de", "x@ab--ü.de", "x@-ü.de", "x@ü", "x@ü\u202e.de", "x@ﬁ.de", "x@" + "ü" * 60 + ".de",
    "x@ü.de\r\nBcc: y@example.com", "x@y@ü.de"])
def test_an_address_that_no_mail_can_reach_is_refused_everywhere(anyone, services, admin, user, email):
    body = {"username": f"user-{secrets.token_hex(6)}", "email": email, "password": PASSWORD}
    details = expect(anyone.post("/users", body), 400, "INVALID_ARGUMENT")["details"]
    assert set(details) == {"email"}
    assert refusal(services().users.CreateUser, user_pb2.CreateUserRequest(**body)).fields == details
    assert expect(user.patch(f"/users/{user.id}", {"email": email}), 400, "INVALID_ARGUMENT")["details"] == details
    message = {"recipient": email, "subject": "a", "body": "a"}
    answer = expect(admin.post("/notifications/email", message), 400, "INVALID_ARGUMENT")
    assert answer["details"] == {"recipient": details["email"]}


def test_an_address_of_254_bytes_is_one(anyone):
    local = secrets.token_hex(8)
    email = long_address(254, name=local)
    assert len(email) == 254
    user = expect(anyone.post("/users", {"username": local, "email": email, "password": PASSWORD}), 201)
    assert user["email"] == email


def test_an_address_of_an_older_rule_still_signs_in(system, anyone, user):
    old = long_address(255, name=user.username)
    assert len(old) == 255
    system.sql("user_db", "update users set email = :'email' where id = :'id'", id=user.id, email=old)
    expect(anyone.post("/auth/login", {"email": old.upper(), "password": user.password}), 200)
    assert expect(user.patch(f"/users/{user.id}", {"full_name": "Ada"}), 200)["email"] == old


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
def test_a_new_password_needs_the_current_one(system, services, user, current):
    body = {"password": "a brand new one"}
    if current:
        body["current_password"] = current
    reply = user.patch(f"/users/{user.id}", body)
    if current:
        answer = expect(reply, 403, "WRONG_PASSWORD")
        assert "WWW-Authenticate" not in reply.headers
        refused = refusal(services(user).users.UpdateUser, user_pb2.UpdateUserRequest(id=user.id, **body),
                          "WRONG_PASSWORD")
        assert refused.metadata == answer["details"] and refused.status == "PERMISSION_DENIED"
    else:
        answer = expect(reply, 400, "INVALID_ARGUMENT")
    assert set(answer["details"]) == {"current_password"}
    expect(user.get("/tasks"), 200)
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
