-- An instant as people read it in a time zone: `Sunday, 31 October 2027, 02:30 CEST, UTC+2 (Europe/Berlin)`. Without
-- the offset, one hour a year would occur twice. Zones whose abbreviation is a number have their offset alone.
--
-- The session's zone is set, and is as before afterwards, because `AT TIME ZONE` knows no abbreviations, and takes the
-- names of some zones (CET, EET, MET) for abbreviations, which have no summer time.
CREATE FUNCTION local_time(instant timestamptz, zone text) RETURNS text LANGUAGE plpgsql SET TimeZone = 'UTC' AS $$
DECLARE
  abbreviation text;
BEGIN
  PERFORM set_config('TimeZone', zone, true);
  abbreviation := to_char(instant, 'TZ');
  RETURN to_char(instant, 'FMDay, FMDD FMMonth YYYY, HH24:MI')
    || CASE WHEN abbreviation <> 'UTC' AND abbreviation ~ '^[A-Z]+$' THEN ' ' || abbreviation || ',' ELSE '' END
    || CASE WHEN abbreviation <> 'UTC' THEN ' UTC' || regexp_replace(to_char(instant, 'OF'), '^([+-])0', '\1')
            WHEN zone <> 'UTC' THEN ' UTC' ELSE '' END
    || ' (' || zone || ')';
END $$;

REVOKE ALL ON FUNCTION local_time FROM PUBLIC;
GRANT EXECUTE ON FUNCTION local_time TO notification_service;
