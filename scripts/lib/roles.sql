-- The roles and databases of the private cluster, created by its superuser; running this again changes nothing. For a
-- PostgreSQL server of your own, run it once by hand (psql -f) and give the roles passwords.

-- Each database has an owner, who migrates it. Each service has a role that owns nothing; the migrations grant it what
-- it may do with each table.
SELECT format('CREATE ROLE %I LOGIN', name)
  FROM unnest(ARRAY['user_db_owner', 'task_db_owner', 'notification_db_owner',
                    'user_service', 'auth_service', 'task_service', 'notification_service', 'health']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

SELECT format('CREATE DATABASE %I OWNER %I', name, name || '_owner')
  FROM unnest(ARRAY['user_db', 'task_db', 'notification_db']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec

-- By default, no role may connect to any database.
REVOKE ALL ON DATABASE postgres, template1, user_db, task_db, notification_db FROM PUBLIC;
GRANT CONNECT ON DATABASE user_db TO user_service, auth_service, health;
GRANT CONNECT ON DATABASE task_db TO task_service, health;
GRANT CONNECT ON DATABASE notification_db TO notification_service, health;
