-- Whoever is there already is told of, too; in a transaction of its own, because the one before locks the users.

INSERT INTO events (type, subject, created_at, next_attempt_at)
SELECT 'USER_SAVED', id, now(), now() FROM users ORDER BY id;
