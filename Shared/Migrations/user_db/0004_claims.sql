-- Whose claim an event is, as in task_db.
ALTER TABLE events ADD COLUMN claimed_by bigint, ADD COLUMN claimed_until timestamptz;
