-- migrate: outside a transaction

-- Search terms: words in title or description. One function cuts the text of tasks and of searches, so both are cut
-- alike whatever is in them. It names collation, dictionary and schema, so that its result does not depend on the locale of
-- the cluster or on the session: the index stores it. (unaccent() is STABLE only because its dictionary could be
-- changed. After an upgrade of ICU or PostgreSQL with other rules: REINDEX INDEX CONCURRENTLY tasks_by_term.)

CREATE EXTENSION IF NOT EXISTS unaccent SCHEMA public;

-- The words of a text, separated by blanks: everything that is neither letter nor digit separates. Compatible forms (NFC and
-- NFD, full width), upper and lower case, accents and points are as one. A run of a script that is written without
-- blanks between words (Chinese, Japanese, Thai, Lao, Burmese, Khmer) is a word.
CREATE OR REPLACE FUNCTION public.search_text(value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 300 AS $$
BEGIN
  IF octet_length(value) = length(value) THEN
    RETURN regexp_replace(lower(value COLLATE "C"), '[^a-z0-9]+', ' ', 'g');
  END IF;
  -- What stands upon or between letters and is none: accents, points, vowel signs that may be left out, joiners.
  value := regexp_replace(normalize(value, NFKC),
    '[\u00AD\u0300-\u036F\u0483-\u0489\u0591-\u05BD\u05BF\u05C1\u05C2\u05C4\u05C5\u05C7\u0610-\u061A\u0640\u064B-\u065F'
    '\u0670\u06D6-\u06DC\u06DF-\u06E8\u06EA-\u06ED\u1AB0-\u1AFF\u1DC0-\u1DFF\u200B-\u200F\u202A-\u202E\u2060-\u206F'
    '\u20D0-\u20FF\uFE00-\uFE0F\uFE20-\uFE2F\uFEFF\U000E0100-\U000E01EF]+', '', 'g');
  value := public.unaccent('public.unaccent'::regdictionary, value);
  value := translate(lower(value COLLATE "und-x-icu"), 'ς', 'σ');
  -- Letters and digits by ICU, and the vowel signs and tone marks that words consist of, too.
  value := regexp_replace(value COLLATE "und-x-icu",
    '[^[:alnum:]\u07A6-\u07B0\u0900-\u0963\u0966-\u0DF3\u0E30-\u0E3A\u0E40-\u0E4E\u0EB0-\u0ECD\u0F71-\u0F84\u0F8D-\u0FBC'
    '\u102B-\u103E\u1056-\u109D\u17B4-\u17D3\u1A17-\u1A1B\u1A55-\u1A7F\u1B00-\u1B4B\u1B80-\u1BF3\u3005-\u3007\u3021-\u3029'
    '\u3099\u309A\uA823-\uA827\uA880-\uA8C5\uA8E0-\uA8F1\uA980-\uA9C0\uAA29-\uAA4D\uABE3-\uABED]+', ' ', 'g');
  RETURN regexp_replace(value,
    '([\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u2E80-\u2FDF\u3005-\u3007\u3021-\u3029\u3031-\u3035\u303B\u3040-\u312F'
    '\u31A0-\u31BF\u31F0-\u31FF\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF\U00020000-\U0003FFFF]+)', ' \1 ', 'g');
END $$;

-- Whether a word is a run of a script without blanks between words.
CREATE OR REPLACE FUNCTION public.search_is_run(word text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT word ~ ('[\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u2E80-\u2FDF\u3005-\u3007\u3021-\u3029\u3031-\u3035\u303B\u3040-\u312F'
    '\u31A0-\u31BF\u31F0-\u31FF\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF\U00020000-\U0003FFFF]')
$$;

-- The terms of a task: the words of its title and of the first 4,000 characters of its description; of a run every two
-- characters that follow each other, and the last one. A word counts up to its 255th character.
CREATE OR REPLACE FUNCTION public.search_vector(title text, description text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 500 AS $$
DECLARE
  value text := public.search_text(title || E'\n' || coalesce(left(description, 4000), ''));
  terms text[] := array_remove(string_to_array(value, ' '), '');
BEGIN
  IF octet_length(value) > length(value) AND public.search_is_run(value) THEN
    terms := ARRAY(
      SELECT character || coalesce(lead(character) OVER (PARTITION BY run ORDER BY place), '')
      FROM unnest(terms) WITH ORDINALITY AS runs (word, run),
        unnest(string_to_array(word, NULL)) WITH ORDINALITY AS characters (character, place)
      WHERE public.search_is_run(word)
      UNION ALL
      SELECT left(word, 255) FROM unnest(terms) AS word WHERE NOT public.search_is_run(word));
  ELSIF octet_length(value) > 2000 THEN
    terms := ARRAY(SELECT left(word, 255) FROM unnest(terms) AS word);
  END IF;
  RETURN array_to_tsvector(terms);
END $$;

-- The query for tasks that have all words of a text; NULL when there is none. The last word may be the beginning of one,
-- from two characters on, unless something stands behind it; a single character of a run always is.
CREATE OR REPLACE FUNCTION public.search_query(terms text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  WITH words AS (
    SELECT number, left(word, 255) AS word, public.search_is_run(word) AS is_run,
      value !~ ' $' AND number = max(number) OVER () AS is_last
    FROM public.search_text(terms) AS value, unnest(string_to_array(value, ' ')) WITH ORDINALITY AS words (word, number)
    WHERE word <> '')
  SELECT string_agg(format(CASE WHEN is_prefix THEN '''%s'':*' ELSE '''%s''' END, term), ' & ')::tsquery
  FROM (
    SELECT word AS term, is_last AND length(word) > 1 AS is_prefix FROM words WHERE NOT is_run
    UNION
    SELECT character || coalesce(next, ''), next IS NULL FROM (
      SELECT character, lead(character) OVER w AS next, count(*) OVER (PARTITION BY number) AS length
      FROM words, unnest(string_to_array(word, NULL)) WITH ORDINALITY AS characters (character, place)
      WHERE is_run WINDOW w AS (PARTITION BY number ORDER BY place)) AS characters
    WHERE next IS NOT NULL OR length = 1) AS terms
$$;

-- Beside tasks_by_word, which the executables of the release before use, and which a later release drops.
-- A short list of pending entries, because every search reads all of it.
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_by_term ON tasks
  USING gin (user_id, public.search_vector(title, description)) WITH (gin_pending_list_limit = 1024);

-- How frequent which term is.
ANALYZE tasks;
