-- What the User service says of its users: more than where to write to, and also that somebody is no more.

ALTER TABLE contacts
  ADD COLUMN version             bigint NOT NULL DEFAULT 0,       -- of the user: what is older changes nothing
  ADD COLUMN email_notifications boolean NOT NULL DEFAULT true,
  ADD COLUMN push_notifications  boolean NOT NULL DEFAULT true,
  -- A user who is no more is kept for a while, without an address: what is on its way to them ends here.
  ADD COLUMN forgotten_at        timestamptz;

CREATE INDEX contacts_forgotten ON contacts (forgotten_at) WHERE forgotten_at IS NOT NULL;

-- `/push` behind the key of what goes to browsers as well.
ALTER TABLE notifications ALTER COLUMN key TYPE varchar(125) COLLATE "C";

GRANT DELETE ON notifications TO notification_service;
