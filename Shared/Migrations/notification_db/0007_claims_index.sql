-- The few that are claimed; in a transaction of its own, because the one before locks the notifications.
CREATE INDEX notifications_claimed ON notifications (claimed_by) WHERE claimed_until = next_attempt_at;
