-- For purge-expired; in a transaction of its own, because the one before locks the tasks.
CREATE INDEX reminders_settled ON reminders (due_date) WHERE settled_at IS NOT NULL;
