-- Reminders of one task's own, and what others are to be told of the tasks.

-- Minutes before the due date; NULL: as everybody's; empty: never.
ALTER TABLE tasks ADD COLUMN reminders integer[];

-- The transactional outbox, as in user_db.
CREATE TABLE events (
  number           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  type             varchar(40) COLLATE "C" NOT NULL,
  subject          varchar(36) COLLATE "C" NOT NULL,   -- the id of what has changed
  user_id          varchar(36) COLLATE "C",            -- whom it concerns, when that is not the subject
  actor_id         varchar(36) COLLATE "C",            -- who did it, when that matters
  created_at       timestamptz NOT NULL,
  steps_done       integer NOT NULL DEFAULT 0,         -- of the saga that follows from it
  attempts         integer NOT NULL DEFAULT 0,
  -- When it is to be relayed, or when whoever is doing that is taken to have died. NULL: never again.
  next_attempt_at  timestamptz,
  relayed_at       timestamptz,                        -- NULL though never again: given up
  last_error       varchar(500),
  CHECK (relayed_at IS NULL OR next_attempt_at IS NULL)
);

CREATE INDEX events_to_relay ON events (next_attempt_at, number) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX events_of_subject ON events (subject, number) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX events_relayed ON events (relayed_at) WHERE relayed_at IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON events TO task_service;
GRANT DELETE ON reminders TO task_service;
