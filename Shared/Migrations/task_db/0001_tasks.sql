-- What people have to do. Ids compare byte by byte (COLLATE "C"), whatever the locale of the cluster.

CREATE EXTENSION IF NOT EXISTS btree_gin;

-- In the order in which they sort.
CREATE TYPE task_status AS ENUM ('PENDING', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED');
CREATE TYPE task_priority AS ENUM ('LOW', 'MEDIUM', 'HIGH', 'URGENT');

CREATE TABLE tasks (
  id           varchar(36) COLLATE "C" PRIMARY KEY,
  title        varchar(255) NOT NULL CHECK (title <> ''),
  description  varchar(10000),
  status       task_status NOT NULL DEFAULT 'PENDING',
  priority     task_priority NOT NULL DEFAULT 'MEDIUM',
  user_id      varchar(36) COLLATE "C" NOT NULL,  -- of user_db: another service's, hence no foreign key
  due_date     timestamptz,
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL,
  version      bigint NOT NULL DEFAULT 1 CHECK (version > 0)
);

-- One index per order that a list can have, for one user and for all. A task without a due date sorts
-- behind every other. Pages continue after the last row's (key, id), so each page costs the same.
CREATE INDEX tasks_of_user_by_creation ON tasks (user_id, created_at, id);
CREATE INDEX tasks_of_user_by_update   ON tasks (user_id, updated_at, id);
CREATE INDEX tasks_of_user_by_due      ON tasks (user_id, (coalesce(due_date, 'infinity'::timestamptz)), id);
CREATE INDEX tasks_of_user_by_priority ON tasks (user_id, priority, id);
CREATE INDEX tasks_by_creation ON tasks (created_at, id);
CREATE INDEX tasks_by_update   ON tasks (updated_at, id);
CREATE INDEX tasks_by_due      ON tasks ((coalesce(due_date, 'infinity'::timestamptz)), id);
CREATE INDEX tasks_by_priority ON tasks (priority, id);

-- Words in title or description.
CREATE INDEX tasks_by_word ON tasks
  USING gin (user_id, to_tsvector('simple'::regconfig, title || ' ' || coalesce(description, '')));

GRANT SELECT, INSERT, UPDATE, DELETE ON tasks TO task_service;
