-- Roles and databases of the private cluster; run as its superuser, any number of times. For a
-- PostgreSQL of your own, run it once by hand (psql -f) and give the roles passwords.

-- An owner for each database, who migrates; a role for each service, who owns nothing. What a service may do
-- with which table is granted by the migrations.
SELECT format('CREATE ROLE %I LOGIN', name)
  FROM unnest(ARRAY['user_db_owner', 'task_db_owner', 'notification_db_owner',
                    'user_service', 'auth_service', 'task_service', 'notification_service', 'health']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

SELECT format('CREATE DATABASE %I OWNER %I', name, name || '_owner')
  FROM unnest(ARRAY['user_db', 'task_db', 'notification_db']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec

-- Nobody connects anywhere by default.
REVOKE ALL ON DATABASE postgres, template1, user_db, task_db, notification_db FROM PUBLIC;
GRANT CONNECT ON DATABASE user_db TO user_service, auth_service, health;
GRANT CONNECT ON DATABASE task_db TO task_service, health;
GRANT CONNECT ON DATABASE notification_db TO notification_service, health;
