-- Whose claim a reminder or an event is: the number of an advisory lock that the connection holds that has claimed it. It
-- means something only while `claimed_until` is `next_attempt_at`: whoever knows nothing of holders changes the latter alone.
ALTER TABLE reminders ADD COLUMN claimed_by bigint, ADD COLUMN claimed_until timestamptz;
ALTER TABLE events ADD COLUMN claimed_by bigint, ADD COLUMN claimed_until timestamptz;
