-- Reminders of tasks that are due.

-- When dispatch-reminders has to look at a task next; NULL: never.
ALTER TABLE tasks ADD COLUMN next_reminder_at timestamptz;
-- The tasks that are there already: the longest time before a due date is four weeks, and looking too early does no harm.
UPDATE tasks SET next_reminder_at = due_date - interval '28 days'
 WHERE due_date > now() AND status IN ('PENDING', 'IN_PROGRESS');
CREATE INDEX tasks_by_reminder ON tasks (next_reminder_at) WHERE next_reminder_at IS NOT NULL;

-- Each reminder once and for all: a task, a due date of it, and how long before that.
CREATE TYPE reminder_state AS ENUM ('PENDING', 'HANDED_OVER', 'SKIPPED');

CREATE TABLE reminders (
  task_id          varchar(36) COLLATE "C" NOT NULL REFERENCES tasks ON DELETE CASCADE,
  due_date         timestamptz NOT NULL,
  lead_minutes     integer NOT NULL CHECK (lead_minutes >= 0),
  state            reminder_state NOT NULL,
  reason           varchar(200),              -- why it was skipped, or is not handed over yet
  was_task_changed boolean NOT NULL DEFAULT false,  -- whether that is why it was skipped
  created_at       timestamptz NOT NULL,
  settled_at       timestamptz,
  attempts         integer NOT NULL DEFAULT 0,
  -- When it is to be handed over, or when whoever is doing that is taken to have died.
  next_attempt_at  timestamptz,
  PRIMARY KEY (task_id, due_date, lead_minutes),
  CHECK ((state = 'PENDING') = (next_attempt_at IS NOT NULL)),
  CHECK ((state = 'PENDING') = (settled_at IS NULL))
);

CREATE INDEX reminders_to_hand_over ON reminders (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

GRANT SELECT, INSERT, UPDATE ON reminders TO task_service;
