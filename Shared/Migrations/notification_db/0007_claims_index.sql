-- migrate: outside a transaction

-- The few that are claimed.
CREATE INDEX CONCURRENTLY IF NOT EXISTS notifications_claimed
  ON notifications (claimed_by) WHERE claimed_until = next_attempt_at;
