-- The few that are claimed; in a transaction of its own, because the one before locks the tables.
CREATE INDEX reminders_claimed ON reminders (claimed_by) WHERE claimed_until = next_attempt_at;
CREATE INDEX events_claimed ON events (claimed_by) WHERE claimed_until = next_attempt_at;
