-- What people are to be told, and what has become of it: the outbox and the ledger in one. Ids compare byte by
-- byte (COLLATE "C"), whatever the locale of the cluster.

CREATE TYPE notification_type AS ENUM ('EMAIL', 'PUSH');

CREATE TABLE notifications (
  id               varchar(36) COLLATE "C" PRIMARY KEY,
  type             notification_type NOT NULL,
  user_id          varchar(36) COLLATE "C",   -- of user_db; NULL when it goes to an address of nobody in particular
  recipient        varchar(255) NOT NULL CHECK (recipient <> ''),
  subject          varchar(255) NOT NULL CHECK (subject <> ''),
  body             varchar(10000) NOT NULL,
  key              varchar(120) COLLATE "C" UNIQUE,  -- the same thing is said once; NULL: each time it is asked for
  due_date         timestamptz,               -- of the task that it reminds of: how long that is away is said when it is sent
  sent             boolean NOT NULL DEFAULT false,
  created_at       timestamptz NOT NULL,
  sent_at          timestamptz,
  attempts         integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  -- When it is to be tried, or when whoever is trying it is taken to have died. NULL: never again.
  next_attempt_at  timestamptz,
  last_error       varchar(500),
  CHECK (sent = (sent_at IS NOT NULL)),
  CHECK (NOT (sent AND next_attempt_at IS NOT NULL))
);

CREATE INDEX notifications_to_try ON notifications (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX notifications_given_up ON notifications (created_at) WHERE NOT sent AND next_attempt_at IS NULL;
CREATE INDEX notifications_by_creation ON notifications (created_at, id);
CREATE INDEX notifications_of_user_by_creation ON notifications (user_id, created_at, id);

-- How to reach the users: a copy of what the User service has last said, for when it is silent.
CREATE TABLE contacts (
  user_id     varchar(36) COLLATE "C" PRIMARY KEY,
  email       varchar(255) NOT NULL,
  time_zone   varchar(64) NOT NULL,
  updated_at  timestamptz NOT NULL
);

GRANT SELECT, INSERT, UPDATE ON notifications TO notification_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON contacts TO notification_service;
