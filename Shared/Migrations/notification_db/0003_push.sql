-- Push messages: the browsers that take them, and who of these has a message already.

CREATE TABLE push_subscriptions (
  id          varchar(36) COLLATE "C" PRIMARY KEY,
  user_id     varchar(36) COLLATE "C" NOT NULL,
  endpoint    varchar(2048) COLLATE "C" NOT NULL,
  origin      varchar(300) COLLATE "C" NOT NULL,     -- of the endpoint: which push service
  p256dh      varchar(128) COLLATE "C" NOT NULL,
  auth        varchar(128) COLLATE "C" NOT NULL,
  created_at  timestamptz NOT NULL,
  expires_at  timestamptz                            -- when the browser says so
);

-- One browser is one person's: whoever signed in there last. An index entry has at most 2,704 bytes.
CREATE UNIQUE INDEX push_subscriptions_endpoint_key ON push_subscriptions (endpoint);
CREATE INDEX push_subscriptions_of_user ON push_subscriptions (user_id, created_at, id);
CREATE INDEX push_subscriptions_by_expiry ON push_subscriptions (expires_at) WHERE expires_at IS NOT NULL;

-- Push services that do not work: nobody asks them before `retry_at`.
CREATE TABLE push_services (
  origin    varchar(300) COLLATE "C" PRIMARY KEY,
  failures  integer NOT NULL,                        -- in a row
  retry_at  timestamptz NOT NULL
);

ALTER TABLE notifications
  -- The subscriptions that are done with a message: they have it, or will never take it.
  ADD COLUMN pushed_to varchar(36)[] COLLATE "C" NOT NULL DEFAULT '{}',
  -- Whether one of them has it.
  ADD COLUMN pushed boolean NOT NULL DEFAULT false;

-- Each type is taken by itself: what waits for a mail server that is down is not in the way of push messages.
DROP INDEX notifications_to_try;
CREATE INDEX notifications_to_try ON notifications (type, next_attempt_at) WHERE next_attempt_at IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON push_subscriptions, push_services TO notification_service;
