# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with the scripts that source this
# The private PostgreSQL cluster in $state/postgres. It listens only on $state/postgres-socket and uses no passwords: the
# operating system says which user is connecting (peer authentication).

postgres_data() { printf '%s\n' "$state/postgres"; }
postgres_socket() { printf '%s\n' "$state/postgres-socket"; }

# Prints the folder of PostgreSQL's programs: those of the cluster's version or, without a cluster, of the newest one.
postgres_programs() {
  local folder
  folder=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
  if [[ -e $(postgres_data)/PG_VERSION ]]; then
    folder=/usr/lib/postgresql/$(cat "$(postgres_data)/PG_VERSION")/bin
  fi
  [[ -x $folder/postgres ]] || die "there is no $folder/postgres"
  printf '%s\n' "$folder"
}

# Prints the limit that is set, or what the pools and jobs need: a connection for each worker, one more for each pool
# while workers are replaced, three for each worker of the health checks, and those of jobs, migrations and people.
max_connections() {
  local wanted
  wanted=$(setting MAX_CONNECTIONS)
  [[ ! $wanted ]] || { say "$wanted"; return; }
  pools | awk '{ sum += ($2 == "health" ? 3 : 1) * ($3 + 1) } END { print (sum + 60 > 200 ? sum + 60 : 200) }'
}

# Creates the cluster if there is none, and writes its settings.
prepare_postgres() {
  local data socket caller
  data=$(postgres_data)
  socket=$(postgres_socket)
  caller=$(id -un)
  install -d -m 755 -o "$postgres_user" -g "$(id -gn "$postgres_user")" "$socket"

  if [[ ! -e $data/PG_VERSION ]]; then
    say "Creating a PostgreSQL cluster…"
    # Under another name until it is complete.
    rm -rf "$data.new"
    install -d -m 700 -o "$postgres_user" -g "$(id -gn "$postgres_user")" "$data.new"
    run_as "$postgres_user" "$(postgres_programs)/initdb" --pgdata="$data.new" --username=postgres \
      --auth=peer --encoding=UTF8 --locale=C.UTF-8 --data-checksums >"$state/logs/initdb.out" 2>&1 || {
      tail -n 5 "$state/logs/initdb.out" >&2
      die "initdb failed"
    }
    mv "$data.new" "$data"
  fi

  write_as_postgres "$data/postgresql.conf" <<EOF
# Written by scripts/run at every start.
listen_addresses = ''
unix_socket_directories = '$socket'
port = 5432
max_connections = $(max_connections)
shared_buffers = 256MB
fsync = on
synchronous_commit = on
timezone = 'UTC'
log_timezone = 'UTC'
log_error_verbosity = terse     # without the DETAIL, which quotes the data
log_line_prefix = '%m [%p] %u@%d '
jit = off                       # costs more than these short queries take
EOF
  write_as_postgres "$data/pg_hba.conf" <<EOF
local all all peer map=task-management
EOF
  # The cluster's owner and the caller may connect as any role; the users of the services only as their own.
  {
    local user role service
    for user in "$postgres_user" "$caller"; do
      for role in postgres user_db_owner task_db_owner notification_db_owner; do
        printf 'task-management "%s" %s\n' "$user" "$role"
      done
    done
    for service in "${services[@]}"; do
      role=$service
      [[ $service == health ]] || role=${service}_service
      for user in "$(user_of "$service")" "$caller"; do
        printf 'task-management "%s" %s\n' "$user" "$role"
      done
    done
  } | sort -u | write_as_postgres "$data/pg_ident.conf"
}

# write_as_postgres FILE: writes standard input to a file in a folder that belongs to PostgreSQL's user, as that user: root
# would follow a link that somebody has put there.
# shellcheck disable=SC2016 # expanded by the other bash
write_as_postgres() { run_as "$postgres_user" bash -c 'umask 077 && rm -f "$1.new" && cat >"$1.new" && mv "$1.new" "$1"' write "$1"; }

# private_url ROLE DATABASE: prints the URL of a database in the private cluster.
private_url() { printf 'postgresql://%s@/%s?host=%s\n' "$1" "$2" "$(url_encode "$(postgres_socket)")"; }

url_encode() { jq -rn --arg text "$1" '$text | @uri'; }

# Waits for the cluster, then creates roles and databases.
setup_postgres() {
  wait_until 60 "$(postgres_programs)/pg_isready" -q -h "$(postgres_socket)" -U postgres -d postgres ||
    die "PostgreSQL does not start; see $state/logs/postgres.out"
  run_as "$postgres_user" "$(postgres_programs)/psql" -X -q -v ON_ERROR_STOP=1 -h "$(postgres_socket)" -U postgres \
    -d postgres <"$library/roles.sql" >/dev/null ||
    die "could not create the roles and databases"
}
