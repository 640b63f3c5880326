"""One handler, three ways in: a request gets the same answer by REST, by gRPC and by hand (`--once`)."""

import json
import re
import secrets
from datetime import datetime, timezone
from functools import cached_property
from typing import Callable, NamedTuple, Optional, Union

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from client import PASSWORD, Client, expect, sign_up
from contract import ENDPOINTS, GRPC_ONLY, GRPC_STATUSES
from grpc_client import CONTRACT, REQUESTS, Services, read
from test_tokens import unsubscribe_token

ANY_ID = "01890000-0000-7000-8000-000000000000"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
DOORS = ("rest", "grpc", "once")
#: Later than any valid date.
NEVER = Timestamp(seconds=1 << 40)
NOBODY, USER, OTHER, ADMIN, FRESH = "nobody", "user", "other", "admin", "fresh"


class Case(NamedTuple):
    """A request and its expected result."""
    #: The caller: a user of the scene.
    by: str
    #: The message's fields as REST names them, or a function that makes them for one call from its scene.
    fields: Union[dict, Callable]
    #: None if the call must succeed.
    code: Optional[str] = None
    #: The invalid fields.
    bad: frozenset = frozenset()
    #: Replacements for texts that a message cannot hold: no enum has a value "DONE".
    in_message: dict = {}


class Scene:
    """The users, and the things that are created for one call."""

    def __init__(self, system, people):
        self.system = system
        self.own = secrets.token_hex(6)
        self.people = people

    def __getattr__(self, name):
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None

    @cached_property
    def fresh(self):
        """Creates an account that no other call uses."""
        return sign_up(self.system.url(), username=f"user-{self.own}", full_name="Ada")

    @cached_property
    def task(self):
        """Creates a task of the user that no other call uses."""
        return self.user.new_task("report", description="of the year", due_date="2030-01-31T16:00:00Z")

    @cached_property
    def notification(self):
        """Creates a notification to an address."""
        return expect(self.admin.post("/notifications/email", {
            "recipient": f"{self.own}@example.com", "subject": "Hello", "body": "x"}), 201)

    @cached_property
    def unreachable(self):
        """Creates an account with a browser at a push service that must not be called."""
        subscribed(self)
        self.system.sql("notification_db", "update push_subscriptions set endpoint = 'https://127.0.0.1:1/' || id, "
                        "origin = 'https://127.0.0.1:1' where user_id = :'id'", id=self.fresh.id)
        return self.fresh

    @cached_property
    def page_token(self):
        """Returns the token of the second page of the reader's tasks."""
        return expect(self.reader.get("/tasks?page_size=2"), 200)["next_page_token"]


def refused(code, by, fields, *bad, **in_message):
    return Case(by, fields, code, frozenset(bad), in_message)


def invalid(by, fields, *bad, **in_message):
    return refused("INVALID_ARGUMENT", by, fields, *bad, **in_message)


def ended(scene):
    """Returns an access token whose session has ended."""
    expect(scene.fresh.post("/auth/logout", {"refresh_token": scene.fresh.refresh_token}), 204)
    return scene.fresh.token


def expired(scene):
    """Returns an expired refresh token."""
    scene.system.sql("user_db", "update refresh_tokens set created_at = now() - interval '31 days', "
                     "expires_at = now() - interval '1 day' where user_id = :'id'", id=scene.fresh.id)
    return scene.fresh.refresh_token


def stolen(scene):
    """Returns a refresh token whose successor was used too, a while ago."""
    token = scene.fresh.refresh_token
    for _ in range(2):
        token = expect(scene.nobody.post("/auth/refresh", {"refresh_token": token}), 200)["refresh_token"]
    # As if the grace period were over: the time of the replacement is forgotten.
    scene.system.sql("user_db", "update refresh_tokens set rotations = '{}' where user_id = :'id'",
                     id=scene.fresh.id)
    return scene.fresh.refresh_token


def moved(status):
    """Creates a task of the user in some status."""
    return lambda scene: scene.user.new_task(status=status)["id"]


def browser(scene):
    """Makes a unique browser subscription."""
    return {"endpoint": f"https://push.example.net/{scene.own}", "keys": BROWSER_KEYS}


def subscribed(scene):
    """Returns the id of a subscription of the fresh account."""
    return expect(scene.fresh.post("/push-subscriptions", browser(scene)), 201)["id"]


def forgotten(scene):
    """Returns the id of an account with a browser that the Notification service knows as deleted."""
    subscribed(scene)
    scene.system.sql("notification_db", "insert into contacts (user_id, email, time_zone, updated_at, forgotten_at) "
                     "values (:'id', '', 'UTC', now(), now()) on conflict (user_id) do update set "
                     "forgotten_at = excluded.forgotten_at", id=scene.fresh.id)
    return scene.fresh.id


BROWSER_KEYS = {    # Source: RFC 8291, Appendix A
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg"}
BAD_LIST = {"page_size": 0, "status": ["DONE"], "priority": ["HUGE"], "due_before": "soon", "order_by": "colour"}
BAD_LIST_IN_MESSAGE = {"status": [77], "priority": [77], "due_before": NEVER}
FOREIGN_TOKEN = {"page_token": "AAAA"}

CASES = {
    "create-user": {
        "succeeds": Case(NOBODY, lambda s: {
            "username": f"Ada.King_{s.own}", "email": f"{s.own}@example.com", "password": PASSWORD,
            "full_name": "Ädä King", "time_zone": "Europe/Berlin", "email_notifications": False,
            "push_notifications": True}),
        "takes defaults": Case(NOBODY, lambda s: {
            "username": s.own, "email": f"{s.own}@example.com", "password": PASSWORD}),
        "is told what is missing": invalid(NOBODY, {}, "username", "email", "password"),
        "is told all that is wrong": invalid(NOBODY, {
            "username": "x", "email": "x", "password": "x", "full_name": "x" * 256, "time_zone": "Mars/Olympus"},
            "username", "email", "password", "full_name", "time_zone"),
        "is told what is missing and what is wrong": invalid(NOBODY, {"username": "x", "time_zone": "Mars"},
                                                             "username", "email", "password", "time_zone"),
        "a name that is taken": refused("USERNAME_TAKEN", NOBODY, lambda s: {
            "username": s.user.username.upper(), "email": f"{s.own}@example.com", "password": PASSWORD}, "username"),
        "an address that is taken": refused("EMAIL_TAKEN", NOBODY, lambda s: {
            "username": s.own, "email": s.user.user["email"], "password": PASSWORD}, "email"),
    },
    "get-user": {
        "oneself": Case(USER, lambda s: {"id": s.user.id}),
        "in capitals": Case(USER, lambda s: {"id": s.user.id.upper()}),
        "by an admin": Case(ADMIN, lambda s: {"id": s.user.id}),
        "somebody else": refused("USER_NOT_FOUND", OTHER, lambda s: {"id": s.user.id}),
        "nobody": refused("USER_NOT_FOUND", ADMIN, {"id": ANY_ID}),
        "no id": refused("USER_NOT_FOUND", ADMIN, {"id": "x"}),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {"id": ANY_ID}),
    },
    "update-user": {
        "some fields": Case(FRESH, lambda s: {"id": s.fresh.id, "time_zone": "Europe/Berlin",
                                              "email": f"new-{s.own}@example.com"}),
        "clears": Case(FRESH, lambda s: {"id": s.fresh.id, "full_name": None, "time_zone": None,
                                         "email_notifications": None, "push_notifications": None}),
        "the channels": Case(FRESH, lambda s: {
            "id": s.fresh.id, "email_notifications": False, "push_notifications": False}),
        "nothing": Case(FRESH, lambda s: {"id": s.fresh.id}),
        "a password": Case(FRESH, lambda s: {
            "id": s.fresh.id, "password": "a brand new one", "current_password": PASSWORD}),
        "at its version": Case(FRESH, lambda s: {"id": s.fresh.id, "full_name": "A", "expected_version": 1}),
        "a role by an admin": Case(ADMIN, lambda s: {"id": s.fresh.id, "role": "ADMIN"}),
        "at another version": refused("VERSION_MISMATCH", FRESH, lambda s: {
            "id": s.fresh.id, "full_name": "A", "expected_version": 7}),
        "is told all that is wrong": invalid(FRESH, lambda s: {
            "id": s.fresh.id, "username": "x", "email": "x", "full_name": "x" * 256, "time_zone": "Mars/Olympus",
            "password": "x", "role": "KING"},
            "username", "email", "full_name", "time_zone", "password", "current_password", "role", role=77),
        "what must stay cannot be cleared": invalid(FRESH, lambda s: {
            "id": s.fresh.id, "username": None, "email": None}, "username", "email"),
        "a role": refused("PERMISSION_DENIED", FRESH, lambda s: {"id": s.fresh.id, "role": "ADMIN"}),
        "a wrong password": refused("WRONG_PASSWORD", FRESH, lambda s: {
            "id": s.fresh.id, "password": "a brand new one", "current_password": "not it"}, "current_password"),
        "a name that is taken": refused("USERNAME_TAKEN", FRESH, lambda s: {
            "id": s.fresh.id, "username": s.user.username}, "username"),
        "an address that is taken": refused("EMAIL_TAKEN", FRESH, lambda s: {
            "id": s.fresh.id, "email": s.user.user["email"].upper()}, "email"),
        "somebody else": refused("USER_NOT_FOUND", OTHER, lambda s: {"id": s.user.id, "full_name": "x"}),
        "nobody": refused("USER_NOT_FOUND", ADMIN, {"id": ANY_ID, "full_name": "x"}),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {"id": ANY_ID, "full_name": "x"}),
    },
    "delete-user": {
        "oneself": Case(FRESH, lambda s: {"id": s.fresh.id}),
        "by an admin at its version": Case(ADMIN, lambda s: {"id": s.fresh.id, "expected_version": 1}),
        "at another version": refused("VERSION_MISMATCH", FRESH, lambda s: {
            "id": s.fresh.id, "expected_version": 7}),
        "somebody else": refused("USER_NOT_FOUND", OTHER, lambda s: {"id": s.user.id}),
        "nobody": refused("USER_NOT_FOUND", ADMIN, {"id": ANY_ID}),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {"id": ANY_ID}),
    },
    "unsubscribe": {
        "by the link of a mail": Case(NOBODY, lambda s: {"token": unsubscribe_token(s.system, s.fresh.id)}),
        "of somebody who is gone": Case(NOBODY, lambda s: {"token": unsubscribe_token(s.system, ANY_ID)}),
        "another's seal": refused("LINK_NOT_FOUND", NOBODY, lambda s: {
            "token": unsubscribe_token(s.system, ANY_ID)[:21] + unsubscribe_token(s.system, s.fresh.id)[21:]}),
    },
    "list-users": {
        "the first page": Case(ADMIN, {"page_size": 3}),
        "the next page": Case(ADMIN, lambda s: {"page_size": 2, "page_token": expect(
            s.admin.get("/users?page_size=2"), 200)["next_page_token"]}),
        "too small a page": invalid(ADMIN, {"page_size": 0}, "page_size"),
        "too large a page": invalid(ADMIN, {"page_size": 201}, "page_size"),
        "a token from elsewhere": refused("INVALID_PAGE_TOKEN", ADMIN, lambda s: {
            "page_token": s.page_token}, "page_token"),
        "not permitted": refused("PERMISSION_DENIED", USER, {}),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {}),
    },
    "login": {
        "by name": Case(NOBODY, lambda s: {"username": s.user.username.upper(), "password": PASSWORD}),
        "by address": Case(NOBODY, lambda s: {"email": s.user.user["email"], "password": PASSWORD}),
        "is told what is missing": invalid(NOBODY, {}, "username", "password"),
        "is told that a name is missing": invalid(NOBODY, {"password": PASSWORD}, "username"),
        "both names": invalid(NOBODY, {"username": "a", "email": "a@example.com", "password": "b"}, "username"),
        "too long": invalid(NOBODY, {"username": "x" * 1000, "password": "x" * 2000}, "username", "password"),
        "a wrong password": refused("INVALID_CREDENTIALS", NOBODY, lambda s: {
            "username": s.user.username, "password": "not it"}),
        "nobody": refused("INVALID_CREDENTIALS", NOBODY, {"username": "nobody-here", "password": "not it"}),
    },
    "validate-token": {
        "a living one": Case(NOBODY, lambda s: {"token": s.user.token}),
        "an admin's": Case(NOBODY, lambda s: {"token": s.admin.token}),
        "none": Case(NOBODY, {"token": "x.y.z"}),
        "of a session that ended": Case(NOBODY, lambda s: {"token": ended(s)}),
        "is told what is missing": invalid(NOBODY, {}, "token"),
    },
    "refresh-token": {
        "a new one": Case(NOBODY, lambda s: {"refresh_token": s.fresh.refresh_token}),
        "none": refused("REFRESH_TOKEN_INVALID", NOBODY, {"refresh_token": "A" * 43}),
        "of a session that ended": refused("SESSION_REVOKED", NOBODY, lambda s: {
            "refresh_token": ended(s) and s.fresh.refresh_token}),
        "of a user who left": refused("REFRESH_TOKEN_INVALID", NOBODY, lambda s: {
            "refresh_token": s.fresh.delete(f"/users/{s.fresh.id}") and s.fresh.refresh_token}),
        "an old one": refused("REFRESH_TOKEN_EXPIRED", NOBODY, lambda s: {"refresh_token": expired(s)}),
        "a stolen one": refused("REFRESH_TOKEN_REUSED", NOBODY, lambda s: {"refresh_token": stolen(s)}),
        "an access token": refused("REFRESH_TOKEN_INVALID", NOBODY, lambda s: {"refresh_token": s.user.token}),
        "is told what is missing": invalid(NOBODY, {}, "refresh_token"),
    },
    "logout": {
        "here": Case(NOBODY, lambda s: {"refresh_token": s.fresh.refresh_token}),
        "everywhere": Case(NOBODY, lambda s: {"refresh_token": s.fresh.refresh_token, "everywhere": True}),
        "once more": Case(NOBODY, lambda s: {"refresh_token": ended(s) and s.fresh.refresh_token}),
        "none": refused("REFRESH_TOKEN_INVALID", NOBODY, {"refresh_token": "A" * 43}),
        "is told what is missing": invalid(NOBODY, {}, "refresh_token"),
    },
    "create-task": {
        "with everything": Case(USER, lambda s: {
            "title": "Räport", "description": "of the\nyear 💥", "status": "IN_PROGRESS", "priority": "URGENT",
            "user_id": s.user.id, "due_date": "2030-01-31T16:00:00.123456Z",
            "reminders": [30, 60]}),
        "takes defaults": Case(USER, {"title": "x"}),
        "for somebody else": Case(ADMIN, lambda s: {"title": "x", "user_id": s.user.id}),
        "is told what is missing": invalid(USER, {}, "title"),
        "is told all that is wrong": invalid(USER, {
            "title": "x" * 256, "description": "x" * 10_001, "status": "DONE", "priority": "HUGE",
            "due_date": "2030-02-30T00:00:00Z", "user_id": "x"},
            "title", "description", "status", "priority", "due_date", "user_id",
            status=77, priority=-1, due_date=NEVER),
        "is told what is missing and what is wrong": invalid(USER, {"priority": "HUGE", "user_id": "x"},
                                                             "title", "priority", "user_id", priority=77),
        "not permitted": refused("PERMISSION_DENIED", USER, lambda s: {"title": "x", "user_id": s.other.id}),
        "for nobody": refused("USER_NOT_FOUND", ADMIN, {"title": "x", "user_id": ANY_ID}),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {"title": "x"}),
    },
    "get-task": {
        "one's own": Case(USER, lambda s: {"id": s.people["task of the user"]["id"]}),
        "by an admin": Case(ADMIN, lambda s: {"id": s.people["task of the user"]["id"]}),
        "somebody else's": refused("TASK_NOT_FOUND", OTHER, lambda s: {"id": s.task["id"]}),
        "none": refused("TASK_NOT_FOUND", USER, {"id": ANY_ID}),
        "no id": refused("TASK_NOT_FOUND", USER, {"id": "x"}),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {"id": ANY_ID}),
    },
    "update-task": {
        "some fields": Case(USER, lambda s: {
            "id": s.task["id"], "title": "ändert", "status": "COMPLETED", "priority": "LOW",
            "due_date": "2031-01-01T00:00:00Z", "reminders": [5, 1440]}),
        "clears": Case(USER, lambda s: {
            "id": s.task["id"], "description": None, "due_date": None, "status": None, "priority": None,
            "reminders": None}),
        "no reminders": Case(USER, lambda s: {"id": s.task["id"], "reminders": []}),
        "reminders that are none": invalid(USER, lambda s: {"id": s.task["id"], "reminders": [-1]}, "reminders"),
        "nothing": Case(USER, lambda s: {"id": s.task["id"]}),
        "at its version": Case(USER, lambda s: {"id": s.task["id"], "title": "x", "expected_version": 1}),
        "hands it over": Case(ADMIN, lambda s: {"id": s.task["id"], "user_id": s.other.id}),
        "at another version": refused("VERSION_MISMATCH", USER, lambda s: {
            "id": s.task["id"], "title": "x", "expected_version": 7}),
        "a move that is none": refused("INVALID_TRANSITION", USER, lambda s: {
            "id": moved("COMPLETED")(s), "status": "CANCELLED"}, "allowed"),
        "is told all that is wrong": invalid(USER, lambda s: {
            "id": s.task["id"], "title": "", "description": "x" * 10_001, "status": "DONE", "priority": "HUGE",
            "due_date": "soon", "user_id": "x"}, "title", "description", "status", "priority", "due_date",
            "user_id", status=77, priority=77, due_date=NEVER),
        "a title cannot be cleared": invalid(USER, lambda s: {"id": s.task["id"], "title": None}, "title"),
        "not permitted": refused("PERMISSION_DENIED", USER, lambda s: {
            "id": s.task["id"], "user_id": s.other.id}),
        "somebody else's": refused("TASK_NOT_FOUND", OTHER, lambda s: {"id": s.task["id"], "title": "x"}),
        "none": refused("TASK_NOT_FOUND", USER, {"id": ANY_ID, "title": "x"}),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {"id": ANY_ID, "title": "x"}),
    },
    "delete-task": {
        "one's own": Case(USER, lambda s: {"id": s.task["id"]}),
        "by an admin at its version": Case(ADMIN, lambda s: {"id": s.task["id"], "expected_version": 1}),
        "at another version": refused("VERSION_MISMATCH", USER, lambda s: {
            "id": s.task["id"], "expected_version": 7}),
        "somebody else's": refused("TASK_NOT_FOUND", OTHER, lambda s: {"id": s.task["id"]}),
        "none": refused("TASK_NOT_FOUND", USER, {"id": ANY_ID}),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {"id": ANY_ID}),
    },
    "list-tasks": {
        "all of one's own": Case("reader", {}),
        "those asked for": Case("reader", {
            "status": ["PENDING", "IN_PROGRESS"], "priority": ["HIGH"], "due_after": "2030-01-01T00:00:00Z",
            "due_before": "2031-01-01T00:00:00Z", "q": "report two", "order_by": "due_date desc"}),
        "none at all": Case("reader", {"status": ["CANCELLED"]}),
        "the next page": Case("reader", lambda s: {"page_size": 2, "page_token": s.page_token}),
        "an admin a user's": Case(ADMIN, lambda s: {"user_id": s.reader.id, "order_by": "priority"}),
        "is told all that is wrong": invalid("reader", {**BAD_LIST, "user_id": "x"}, *BAD_LIST, "user_id",
                                             **BAD_LIST_IN_MESSAGE),
        "a token from elsewhere": refused("INVALID_PAGE_TOKEN", "reader", FOREIGN_TOKEN, "page_token"),
        "a token of other filters": refused("INVALID_PAGE_TOKEN", "reader", lambda s: {
            "page_token": s.page_token, "status": ["PENDING"]}, "page_token"),
        "a token of somebody else's": refused("INVALID_PAGE_TOKEN", OTHER, lambda s: {
            "page_token": s.page_token}, "page_token"),
        "not permitted": refused("PERMISSION_DENIED", OTHER, lambda s: {"user_id": s.reader.id}),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {}),
    },
    "list-user-tasks": {
        "one's own": Case("reader", lambda s: {"user_id": s.reader.id, "order_by": "priority desc"}),
        "those asked for": Case("reader", lambda s: {
            "user_id": s.reader.id, "status": ["IN_PROGRESS"], "priority": ["HIGH", "LOW"], "q": "report",
            "due_after": "2030-01-01T00:00:00Z", "due_before": "2031-01-01T00:00:00Z"}),
        "by an admin": Case(ADMIN, lambda s: {"user_id": s.reader.id, "page_size": 2}),
        "is told all that is wrong": invalid("reader", lambda s: {**BAD_LIST, "user_id": s.reader.id}, *BAD_LIST,
                                             **BAD_LIST_IN_MESSAGE),
        "a token from elsewhere": refused("INVALID_PAGE_TOKEN", "reader", lambda s: {
            **FOREIGN_TOKEN, "user_id": s.reader.id}, "page_token"),
        "somebody else's": refused("USER_NOT_FOUND", OTHER, lambda s: {"user_id": s.reader.id}),
        "nobody's": refused("USER_NOT_FOUND", ADMIN, {"user_id": ANY_ID}),
        "no id": refused("USER_NOT_FOUND", ADMIN, {"user_id": "x"}),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {"user_id": ANY_ID}),
    },
    "send-email": {
        "sent": Case(ADMIN, lambda s: {
            "recipient": f"{s.own}@example.com", "subject": "Grüße 💥", "body": "One\n.\nTwo"}),
        "is told what is missing": invalid(ADMIN, {}, "recipient", "subject", "body"),
        "is told all that is wrong": invalid(ADMIN, {
            "recipient": "a@b@c", "subject": "x\ny", "body": "x" * 10_001}, "recipient", "subject", "body"),
        "a header of one's own": invalid(ADMIN, {
            "recipient": "a@example.com\r\nBcc: b@example.com", "subject": "x", "body": "x"}, "recipient"),
        "not permitted": refused("PERMISSION_DENIED", USER, {"recipient": "a@example.com", "subject": "x", "body": "x"}),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {"recipient": "a@example.com", "subject": "x", "body": "x"}),
    },
    "get-notification": {
        "by an admin": Case(ADMIN, lambda s: {"id": s.notification["id"]}),
        "in capitals": Case(ADMIN, lambda s: {"id": s.notification["id"].upper()}),
        "somebody else's": refused("NOTIFICATION_NOT_FOUND", USER, lambda s: {"id": s.notification["id"]}),
        "none": refused("NOTIFICATION_NOT_FOUND", ADMIN, {"id": ANY_ID}),
        "no id": refused("NOTIFICATION_NOT_FOUND", ADMIN, {"id": "x"}),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {"id": ANY_ID}),
    },
    "list-notifications": {
        "one's own, which are none": Case(USER, {}),
        "the first page": Case(ADMIN, lambda s: {"page_size": 1} if s.notification else {}),
        "too small a page": invalid(USER, {"page_size": 0}, "page_size"),
        "too large a page": invalid(USER, {"page_size": 201}, "page_size"),
        "a token from elsewhere": refused("INVALID_PAGE_TOKEN", USER, lambda s: {
            "page_token": s.page_token}, "page_token"),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {}),
    },
    "send-push-notification": {
        "to a browser that will not take it": Case(ADMIN, lambda s: {
            "user_id": s.unreachable.id, "subject": "Grüße 💥", "body": "One\n.\nTwo"}),
        "without a text": Case(ADMIN, lambda s: {"user_id": s.unreachable.id.upper(), "subject": "x"}),
        "is told what is missing": invalid(ADMIN, {}, "user_id", "subject"),
        "is told all that is wrong": invalid(ADMIN, {
            "user_id": "x", "subject": "x\ny", "body": "x" * 2001}, "user_id", "subject", "body"),
        "to nobody's browser": refused("NO_SUBSCRIPTION", ADMIN, lambda s: {"user_id": s.other.id, "subject": "x"}),
        "to somebody who left": refused("USER_NOT_FOUND", ADMIN, lambda s: {
            "user_id": forgotten(s), "subject": "x"}),
        "not permitted": refused("PERMISSION_DENIED", USER, {"user_id": ANY_ID, "subject": "x"}),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {"user_id": ANY_ID, "subject": "x"}),
    },
    "get-push-key": {
        "the one": Case(USER, {}),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {}),
    },
    "register-push-subscription": {
        "as a browser says": Case(USER, browser),
        "that ends": Case(ADMIN, lambda s: {**browser(s), "expirationTime": 4_102_444_800_005}),
        "is told what is missing": invalid(USER, {}, "endpoint", "keys"),
        "is told what is missing of the keys": invalid(USER, lambda s: {
            **browser(s), "keys": {}}, "keys.p256dh", "keys.auth"),
        "is told all that is wrong": invalid(USER, {
            "endpoint": "http://push.example.net/x", "expirationTime": -1, "keys": {"p256dh": "x", "auth": "x"}},
            "endpoint", "expirationTime", "keys.p256dh", "keys.auth"),
        "of our own network": invalid(USER, lambda s: {**browser(s), "endpoint": "https://127.0.0.1/x"}, "endpoint"),
        "of somebody who left": refused("USER_NOT_FOUND", FRESH, lambda s: forgotten(s) and browser(s)),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, browser),
    },
    "list-push-subscriptions": {
        "none": Case(OTHER, {}),
        "one's own": Case(FRESH, lambda s: {} if subscribed(s) else None),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {}),
    },
    "delete-push-subscription": {
        "one's own": Case(FRESH, lambda s: {"id": subscribed(s)}),
        "in capitals": Case(FRESH, lambda s: {"id": subscribed(s).upper()}),
        "somebody else's": refused("SUBSCRIPTION_NOT_FOUND", ADMIN, lambda s: {"id": subscribed(s)}),
        "none": refused("SUBSCRIPTION_NOT_FOUND", USER, {"id": ANY_ID}),
        "no id": refused("SUBSCRIPTION_NOT_FOUND", USER, {"id": "x"}),
        "not signed in": refused("UNAUTHENTICATED", NOBODY, {"id": ANY_ID}),
    },
}

#: Values that differ in each call, so only their presence can be compared.
MADE = {
    "create-user": {"id", "created_at", "updated_at"},
    "update-user": {"id", "created_at", "updated_at"},
    "login": {"access_token", "refresh_token"},
    "refresh-token": {"access_token", "refresh_token", "id", "created_at", "updated_at"},
    "create-task": {"id", "created_at", "updated_at"},
    "update-task": {"id", "created_at", "updated_at"},
    "send-email": {"id", "created_at", "sent_at"},
    "get-notification": {"id", "created_at", "sent_at"},
    "list-notifications": {"id", "created_at", "sent_at", "next_page_token"},
    "send-push-notification": {"id", "created_at", "user_id", "recipient"},
    "register-push-subscription": {"id", "created_at"},
    "list-push-subscriptions": {"id", "created_at", "user_id"},
}


@pytest.fixture(scope="module")
def people(system, admin):
    """A reader, with tasks that nobody changes, and other users."""
    found = {name: sign_up(system.url()) for name in (USER, OTHER, "reader")}
    reader = found["reader"]
    reader.new_task("report one", priority="LOW")
    reader.new_task("report two", description="of the year", priority="HIGH", status="IN_PROGRESS",
                    due_date="2030-06-01T00:00:00.5Z")
    reader.new_task("bread", status="COMPLETED", due_date="2030-01-01T00:00:00Z")
    found["task of the user"] = found[USER].new_task("Ü", description="", due_date="2030-01-31T16:00:00.120Z")
    return {**found, ADMIN: admin, NOBODY: Client(system.url())}


# The three ways in

class Answer(NamedTuple):
    """An answer, in a form that is the same for REST, gRPC and `--once`."""
    code: Optional[str]
    bad: frozenset
    data: object


def by_rest(scene, function, fields, case):
    endpoint, fields = ENDPOINTS[function], dict(fields)
    headers = {}
    if "expected_version" in fields:
        headers["If-Match"] = f'"{fields.pop("expected_version")}"'
    if "{id}" in endpoint.path:
        fields["id"] = fields.pop({"list-user-tasks": "user_id", "unsubscribe": "token"}.get(function, "id"))
    path = endpoint.path.format(**fields)
    if "{id}" in endpoint.path:
        del fields["id"]
    content = {"params": fields} if endpoint.method == "GET" else {}
    if endpoint.method in ("POST", "PATCH"):
        content = {"json": fields} if function != "unsubscribe" else {"raw": b"List-Unsubscribe=One-Click"}
    reply = getattr(scene, case.by).call(endpoint.method, path, headers=headers, **content)
    body = reply.json() if reply.content else {}
    if reply.status_code >= 400:
        return Answer(body["code"], frozenset(body.get("details", {})), None)
    return Answer(None, frozenset(), body)


def by_grpc(scene, function, fields, case):
    rpc = ENDPOINTS[function].rpc
    with Services(scene.system, getattr(scene, case.by).token) as services:
        try:
            answer = services.method(rpc)(as_message(REQUESTS[rpc], fields, case.in_message))
        except grpc.RpcError as error:
            refused = read(error)
            return Answer(refused.code, frozenset(refused.fields) | frozenset(refused.metadata), None)
    return Answer(None, frozenset(), json_format.MessageToDict(
        answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True))


def by_once(scene, function, fields, case):
    who = getattr(scene, case.by)
    arguments = ["--as", f"{who.id}:{who.user['role']}"] if who.token else []
    done = scene.system.run_function(
        function, "--once", *arguments, stdin=json.dumps(fields).encode())
    answer = json.loads(done.stdout)
    assert done.returncode == (1 if "code" in answer else 0), done
    if "code" in answer:
        return Answer(answer["code"], frozenset(answer.get("details", {})), None)
    return Answer(None, frozenset(), answer)


def as_message(message_class, fields, replaced):
    """Makes the message with these fields; a field that is None is cleared, which needs a mask."""
    given = {name: replaced.get(name, value) for name, value in fields.items()}
    messages = {name: value for name, value in given.items() if isinstance(value, Message)}
    plain = {name: value for name, value in given.items() if name not in messages}
    if isinstance(plain.get("reminders"), list):
        plain["reminders"] = {"minutes": plain["reminders"]}    # in a message, a list cannot be absent
    request = json_format.ParseDict(plain, message_class())
    for name, value in messages.items():
        getattr(request, name).CopyFrom(value)
    if None in fields.values():
        request.update_mask.paths.extend(name for name in fields if name not in ("id", "expected_version"))
    return request


def normal(value, made, own, name=None):
    """Returns a message without differences of form: null or absent, "1" or 1, digits of a second."""
    if isinstance(value, dict):
        if set(value) == {"minutes"}:
            return value["minutes"]     # of a task's reminders
        members = {key: normal(member, made, own, key) for key, member in value.items()}
        return {key: member for key, member in members.items() if member is not None}
    if isinstance(value, list):
        return [normal(member, made, own) for member in value]
    if name in made:
        return "made" if value else value
    if name == "version":
        return int(value)
    if isinstance(value, str):
        if value.endswith("_UNSPECIFIED"):
            return None
        if TIMESTAMP.fullmatch(value):
            return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(timezone.utc)
        return value.replace(own, "OWN")
    return value


def ask(door, system, people, function, case):
    scene = Scene(system, people)
    fields = case.fields(scene) if callable(case.fields) else case.fields
    code, bad, data = {"rest": by_rest, "grpc": by_grpc, "once": by_once}[door](scene, function, fields, case)
    return Answer(code, bad, normal(data, MADE.get(function, ()), scene.own))


# The tests

@pytest.mark.parametrize("function, name", [(function, name) for function in CASES for name in CASES[function]])
def test_every_door_gives_the_same_answer(system, people, function, name):
    case = CASES[function][name]
    answers = {door: ask(door, system, people, function, case) for door in DOORS}
    for door, answer in answers.items():
        assert (answer.code, answer.bad) == (case.code, case.bad), f"by {door}: {answers}"
        assert answer.data == answers["rest"].data, f"by {door}: {answers}"


@pytest.mark.parametrize("function", sorted({*ENDPOINTS, *(
    re.sub(r"(?<!^)(?=[A-Z])", "-", method.name).lower()
    for service in ("user", "auth", "task") for method in CONTRACT[service].methods)} - {*GRPC_ONLY}))
def test_every_function_with_an_rpc_is_in_the_table(function):
    assert function in CASES, f"{function} is not in the table of test_grpc_doors.py"
    assert ENDPOINTS[function].rpc in REQUESTS
    codes = [case.code for case in CASES[function].values()]
    assert None in codes, f"no call of {function} succeeds"
    assert any(codes), f"no call of {function} is refused"


@pytest.mark.parametrize("function", CASES)
def test_every_field_of_a_request_is_in_the_table(system, people, function):
    """If no case used a field, one way in could read it and another could not."""
    used = set()
    for case in CASES[function].values():
        used |= set(case.fields(Scene(system, people)) if callable(case.fields) else case.fields)
    known = set(REQUESTS[ENDPOINTS[function].rpc].DESCRIPTOR.fields_by_name)
    assert known - used <= {"update_mask"}


def test_the_table_has_every_code_that_a_function_gives():
    codes = {case.code for cases in CASES.values() for case in cases.values()}
    #: Failures in front of a function or behind it.
    elsewhere = {"MALFORMED_JSON", "MALFORMED_MESSAGE", "UNSUPPORTED_MEDIA_TYPE", "UNSUPPORTED_ENCODING",
                 "PAYLOAD_TOO_LARGE", "METHOD_NOT_ALLOWED", "NOT_FOUND", "RATE_LIMITED", "INTERNAL",
                 "UNAVAILABLE", "DEADLINE_EXCEEDED", "TOKEN_INVALID", "TOKEN_EXPIRED", "CONTACT_UNKNOWN"}
    assert set(GRPC_STATUSES) - codes - {None} == elsewhere
