-- A new installation has no executables of an earlier release, so no insert has to pay for the index that these search.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM tasks) THEN
    DROP INDEX IF EXISTS tasks_by_word;
  END IF;
END $$;
