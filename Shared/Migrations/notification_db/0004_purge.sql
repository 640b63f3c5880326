-- For purge-expired; in a transaction of its own, because those before lock the notifications.
CREATE INDEX notifications_settled ON notifications (created_at) WHERE next_attempt_at IS NULL;
