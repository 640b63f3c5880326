-- The User and the Auth service share this database: users, and the sessions they are signed in with.
-- Ids compare byte by byte (COLLATE "C"), whatever the locale of the cluster.

CREATE TYPE user_role AS ENUM ('USER', 'ADMIN', 'SERVICE');

CREATE TABLE users (
  id          varchar(36) COLLATE "C" PRIMARY KEY,
  username    varchar(100) NOT NULL CHECK (char_length(username) >= 3),
  email       varchar(255) NOT NULL CHECK (email LIKE '%_@_%'),
  password    varchar(255) NOT NULL CHECK (password LIKE '$2%'),  -- bcrypt, nothing else
  full_name   varchar(255),
  role        user_role NOT NULL DEFAULT 'USER',
  time_zone   varchar(64) NOT NULL DEFAULT 'UTC',
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL,
  version     bigint NOT NULL DEFAULT 1 CHECK (version > 0)
);

CREATE UNIQUE INDEX users_username_key ON users (lower(username));
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE INDEX users_by_creation ON users (created_at, id);

-- One row per session, i.e. per sign-in: the family of refresh tokens that follow each other. No row is
-- added by a refresh. `token` is the SHA-256 of the family's newest token and opens nothing: a token is
-- made with a key that is not in the database.
CREATE TABLE refresh_tokens (
  id              varchar(36) COLLATE "C" PRIMARY KEY,
  user_id         varchar(36) COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
  token           char(64) NOT NULL,
  generation      integer NOT NULL DEFAULT 0 CHECK (generation >= 0),
  key_id          varchar(64) NOT NULL,           -- the key of the newest token
  key_generation  integer NOT NULL DEFAULT 0,     -- the first generation made with it
  older_key_id    varchar(64),                    -- the key of the generations before that
  rotations       timestamptz[] NOT NULL DEFAULT '{}',  -- the last rotations, oldest first, while they matter
  expires_at      timestamptz NOT NULL,
  created_at      timestamptz NOT NULL,
  refreshed_at    timestamptz NOT NULL,
  ended_at        timestamptz,
  end_reason      varchar(20) CHECK (end_reason IN ('LOGOUT', 'REUSE', 'PASSWORD_CHANGE', 'ROLE_CHANGE')),
  CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);

CREATE INDEX refresh_tokens_of_user ON refresh_tokens (user_id, created_at);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON users TO user_service;
GRANT SELECT, UPDATE (ended_at, end_reason) ON refresh_tokens TO user_service;
GRANT SELECT, UPDATE (password) ON users TO auth_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON refresh_tokens TO auth_service;
