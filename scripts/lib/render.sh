# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with the scripts that source this
# Makes the files in STATE_DIR from the settings.

# Sets the variables that the files below are made from. The settings have been checked.
read_settings() {
  local offset host name kind
  offset=$(setting PORT_OFFSET)
  offset=$((10#$offset))
  port_all=$((8080 + offset))
  port_user=$((8081 + offset))
  port_auth=$((8082 + offset))
  port_task=$((8083 + offset))
  port_notification=$((8084 + offset))
  port_mail=$((8025 + offset))
  port_grpc_all=$((50050 + offset))
  port_grpc_user=$((50051 + offset))
  port_grpc_auth=$((50052 + offset))
  port_grpc_task=$((50053 + offset))
  port_grpc_notification=$((50054 + offset))
  listen_address=$(setting LISTEN_ADDRESS)
  rate_limit=$(setting RATE_LIMIT)
  host=$listen_address
  [[ $host != 0.0.0.0 ]] || host=127.0.0.1
  address=http://$host:$port_all
  grpc_host=$host

  # Functions and jobs run in another folder. Links are not resolved, because their targets may change.
  while IFS=$'\t' read -r name kind _; do
    [[ $kind == file || $kind == path ]] || continue
    [[ -z ${!name:-} ]] || printf -v "$name" '%s' "$(realpath -ms "${!name}")"
  done < <(settings)
  keys_file=${JWT_KEYS_FILE:-$state/secrets/jwt-keys.json}
  vapid_key_file=${VAPID_KEY_FILE:-$state/secrets/vapid-key.pem}

  # It has been checked that all three are set, or none.
  private_cluster=1
  [[ -z ${DATABASE_URL_USER:-} ]] || private_cluster=

  cron=$(setting CRON)
  # If the operator names no mail server, a sink of our own shows newcomers the mail.
  mail_sink=
  smtp_url=${SMTP_URL:-}
  if [[ ! $smtp_url ]]; then
    mail_sink=1
    smtp_url=smtp://127.0.0.1:$port_mail
  fi
}

# database_url NAME: prints the URL by which the functions of a service (`user`), its jobs (`user_direct`), the health
# checks (`health_user`) or migrations (`user_owner`) connect.
database_url() {
  local names name
  if [[ $private_cluster ]]; then
    case $1 in
      user | user_direct) private_url user_service user_db ;;
      auth | auth_direct) private_url auth_service user_db ;;
      task | task_direct) private_url task_service task_db ;;
      notification | notification_direct) private_url notification_service notification_db ;;
      health_*) private_url health "${1#health_}_db" ;;
      *_owner) private_url "${1%_owner}_db_owner" "${1%_owner}_db" ;;
    esac
    return
  fi
  case $1 in
    *_direct) names=("$1" "${1%_direct}") ;;
    *_owner) names=("$1" "${1%_owner}_direct" "${1%_owner}") ;;
    health_*) names=("$1" "${1#health_}") ;;
    *) names=("$1") ;;
  esac
  for name in "${names[@]}"; do
    name=DATABASE_URL_${name^^}
    [[ ! ${!name:-} ]] || break
  done
  printf '%s\n' "${!name:-}"
}

# service_environment SERVICE [with-jobs]: prints the environment of a service's functions, or of its jobs and of functions
# that are called by hand, as lines NAME=VALUE: the settings that they read and that are set here. For all others, they
# know the defaults.
service_environment() {
  local service=$1 jobs_too=${2-} name functions jobs value
  while IFS=$'\t' read -r name _ _ _ functions jobs _; do
    [[ ,$functions, == *",$service,"* || ($jobs_too && ,$jobs == *",$service/"*) ]] || continue
    case $name in
      DATABASE_URL) value=$(database_url "$service${jobs_too:+_direct}") ;;
      DATABASE_URL_HEALTH_*)
        value=${name#DATABASE_URL_}
        value=$(database_url "${value,,}")
        ;;
      JWT_KEYS_FILE) value=$keys_file ;;
      VAPID_KEY_FILE) value=$vapid_key_file ;;
      USER_SERVICE_URL) value=${USER_SERVICE_URL:-http://$grpc_host:$port_grpc_user} ;;
      TASK_SERVICE_URL) value=${TASK_SERVICE_URL:-http://$grpc_host:$port_grpc_task} ;;
      NOTIFICATION_SERVICE_URL)
        value=${NOTIFICATION_SERVICE_URL:-http://$grpc_host:$port_grpc_notification}
        ;;
      BREAKER_DIR) value=$state/breakers ;;
      PROBE_SOCKET) value=$state/probe/probe.sock ;;
      LOCK_DIR) value=$state/locks/$service ;;
      SMTP_URL) value=$smtp_url ;;
      # The default too, because this is where people look for the sender of their mail.
      MAIL_FROM) value=$(setting MAIL_FROM) ;;
      # These differ from one function or job to the next.
      LOG_FILE | SERVICE) continue ;;
      *) value=${!name:-} ;;
    esac
    [[ -z $value ]] || printf '%s=%s\n' "$name" "$value"
  done < <(settings)
  # A page of tasks is several hundred short texts that are freed together: more than malloc caches by default.
  printf 'GLIBC_TUNABLES=glibc.malloc.tcache_count=512\n'
}

# Succeeds if every function, the keys and the databases answer.
everything_answers() { curl -s --max-time 5 "$address/health/ready" | grep -q '"status":"UP"'; }

check_ports() {
  local port places=()
  for port in "$port_all" "$port_user" "$port_auth" "$port_task" "$port_notification" \
    "$port_grpc_all" "$port_grpc_user" "$port_grpc_auth" "$port_grpc_task" "$port_grpc_notification"; do
    places+=("$listen_address" "$port")
  done
  [[ ! $mail_sink ]] || places+=(127.0.0.1 "$port_mail")
  /usr/bin/python3 -I "$library/ports.py" "${places[@]}" ||
    die "cannot listen there. PORT_OFFSET moves all ports of ours: 1000 past another system, 12000 past the range of outgoing connections, too."
  reserve_ports
}

# Keeps the kernel from giving our gRPC ports, which lie in its range for outgoing connections, to any of these. Where
# that is not possible (in a container, or without root), such a connection can keep nginx from starting.
reserve_ports() {
  local file=/proc/sys/net/ipv4/ip_local_reserved_ports reserved
  [[ -w $file ]] || return 0
  reserved=$(<"$file")
  printf '%s\n' "${reserved:+$reserved,}$port_grpc_all-$port_grpc_notification" 2>/dev/null >"$file" || true
}

# Creates the users that the services run as, if root starts them.
make_users() {
  local service user
  is_root || return 0
  getent group "$functions_group" >/dev/null || groupadd --system "$functions_group"
  for service in "${services[@]}"; do
    user=$(user_of "$service")
    id -u "$user" >/dev/null 2>&1 ||
      useradd --system --user-group --groups "$functions_group" --no-create-home \
        --home-dir /nonexistent --shell /usr/sbin/nologin "$user"
  done
}

# Creates folders and keys, and copies everything that will run, so that a running system does not depend on the checkout.
prepare_state() {
  local nginx_group name file service user
  nginx_group=$(id -gn "$nginx_user")

  touch "$state/.task-management" # scripts/stop --purge looks for it
  install -d -m 711 "$state" "$state/nginx" "$state/sockets" "$state/functions" "$state/env"
  install -d -m 700 "$state/supervisor"
  install -d -m 755 "$state/migrations"
  install -d -m 750 -g "$functions_group" "$state/secrets"
  install -d -m 2750 -g "$functions_group" "$state/probe"
  # The state of the circuit breakers, shared by the processes of all services.
  # Sticky, so that no service removes or replaces what another has made.
  install -d -m 3770 -g "$functions_group" "$state/breakers"
  # The locks of jobs, which each service has for itself.
  install -d -m 711 "$state/locks"
  for service in "${services[@]}"; do
    install -d -m 700 -o "$(user_of "$service")" -g "$(id -gn "$(user_of "$service")")" "$state/locks/$service"
  done
  # Root writes here, so nobody else may. The functions of each service have a folder of their own in it.
  install -d -m 711 "$state/logs"
  for service in "${services[@]}"; do
    user=$(user_of "$service")
    install -d -m 750 -o "$user" -g "$(id -gn "$user")" "$state/logs/$service"
  done
  for name in nginx-{error,access}.log {nginx,postgres,initdb,cron,mail-sink}.out supervisord.log $(worker_outputs); do
    [[ -e $state/logs/$name ]] || install -m 600 /dev/null "$state/logs/$name"
  done

  if [[ ! $database_only ]]; then
    while read -r name; do
      [[ -x $functions_source/$name ]] || die "there is no $functions_source/$name: run scripts/build"
      copy_if_changed "$functions_source/$name" "$state/functions/$name" 755
    done < <(executables)
    prepare_docs
  else
    copy_if_changed "$functions_source/migrate" "$state/functions/migrate" 755
  fi
  copy_if_changed "$library/pool_keeper.py" "$state/supervisor/pool_keeper.py" 644
  copy_if_changed "$library/cron.py" "$state/supervisor/cron.py" 644
  copy_if_changed "$library/start-nginx" "$state/supervisor/start-nginx" 755
  copy_if_changed "$library/run-job" "$state/run-job" 755
  if [[ $mail_sink ]]; then
    user=$(user_of notification)
    make_folders "$user" "$state/mail" tmp new cur
  fi
  copy_migrations

  if [[ ! -e $state/secrets/jwt-keys.json ]]; then
    (umask 077 && make_keys >"$state/secrets/jwt-keys.json.new")
    chmod 640 "$state/secrets/jwt-keys.json.new"
    chgrp "$functions_group" "$state/secrets/jwt-keys.json.new"
    mv "$state/secrets/jwt-keys.json.new" "$state/secrets/jwt-keys.json"
  fi
  if [[ ! -e $state/secrets/vapid-key.pem ]]; then make_vapid_key "$state/secrets/vapid-key.pem"; fi
  socket_group=$nginx_group
}

# make_folders USER PARENT NAME...: makes folders that belong to USER in a parent that does not. So nobody but root can
# put a link into their place, which root would follow at the next start.
make_folders() {
  local user=$1 parent=$2 name
  shift 2
  # An earlier release let the parent belong to the user.
  [[ ! -L $parent ]] || rm "$parent"
  install -d -m 755 "$parent"
  ! is_root || chown -h root:root "$parent"
  for name in "$@"; do
    [[ ! -L $parent/$name ]] || rm "$parent/$name"
    install -d -m 700 -o "$user" -g "$(id -gn "$user")" "$parent/$name"
  done
}

copy_migrations() {
  local name
  for name in user_db task_db notification_db; do
    rm -rf "$state/migrations/$name"
    mkdir "$state/migrations/$name"
    install -m 644 "$root/Shared/Migrations/$name/"*.sql "$state/migrations/$name/"
  done
}

# Publishes the files that nginx serves: the API's description, the contract, and the page with Swagger UI.
prepare_docs() {
  local file protos=''
  install -d -m 755 "$state/www" "$state/www/docs"
  publish "$root/Shared/API/openapi.json" "$state/www/openapi.json"
  publish "$root/Shared/API/contract.binpb" "$state/www/contract.binpb"
  rm -rf "$state/www/protos"
  while read -r file; do
    install -d -m 755 "$state/www/protos/$(dirname "$file")"
    publish "$root/Shared/API/Protos/$file" "$state/www/protos/$file"
    protos+="<li><a href=\"/protos/$file\">$file</a></li>"
  done < <(cd "$root/Shared/API/Protos" && find . -name '*.proto' ! -path './gateway/*' -printf '%P\n' | sort)
  sed -e "s|@GRPC_HOST@|$grpc_host|g" -e "s|@PORT_GRPC_ALL@|$port_grpc_all|g" -e "s|@PROTOS@|$protos|" \
    "$root/nginx/docs/index.html" >"$state/www/index.html"
  for file in "$state/www/index.html" "$root"/nginx/docs/*.{css,js,svg} \
    "$root"/.build/swagger-ui/{swagger-ui-bundle.js,swagger-ui.css,LICENSE}; do
    [[ ! -e $file ]] || publish "$file" "$state/www/docs/$(basename "$file")"
  done
  rm "$state/www/index.html"
}

# publish FROM TO: copies a file, and puts a compressed copy beside the copy.
publish() {
  copy_if_changed "$1" "$2" 644
  [[ -e $2.gz && ! $2 -nt $2.gz ]] || gzip -9 -k -f "$2"
}

# Prints the name of each worker slot's output file.
worker_outputs() {
  local function workers slot
  while read -r function _ workers _; do
    for ((slot = 0; slot <= workers; slot++)); do say "$function-$slot.out"; done
    say "trial-$function.out"
  done < <(pools)
}

# copy_if_changed FROM TO MODE: replaces TO atomically.
copy_if_changed() {
  if ! cmp -s "$1" "$2"; then
    install -m "$3" "$1" "$2.new"
    mv "$2.new" "$2"
  fi
}

# make_vapid_key FILE: creates the P-256 key by which push services recognise us, readable only by the Notification
# service's user. Browsers subscribe with its public half: with another key, all of them have to subscribe again.
make_vapid_key() {
  local user
  user=$(user_of notification)
  install -m 600 /dev/null "$1.new"
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.new" 2>/dev/null || die "openssl could not create a key for push messages"
  if is_root; then chown "$user:$(id -gn "$user")" "$1.new"; fi
  chmod 400 "$1.new"
  mv "$1.new" "$1"
}

# Reads lines NAME=VALUE, and prints them in the form of supervisord's `environment=`.
supervisor_environment() {
  local line name value all=''
  while IFS= read -r line; do
    name=${line%%=*}
    value=${line#*=}
    # supervisord's parser supports quotes but has no way to escape them…
    case $value in
      *[\"\'\\]*) die "$name must not contain quotes or backslashes (in a URL, percent-encode them)" ;;
      # …and takes these as the start of a comment, even inside quotes.
      *[[:space:]][\;#]*) die "$name must not contain a semicolon or a number sign after a space" ;;
    esac
    all+="${all:+,}$name=\"${value//%/%%}\""
  done
  printf '%s\n' "$all"
}

render_supervisor() (
  umask 077
  # In two statements, because `die` in a substitution ends only the substitution.
  local service environment function workers nice_value queue command socket_owner=''
  declare -A environments
  for service in "${services[@]}"; do
    service_environment "$service" >"$state/env/$service.lines"
    environment=$(supervisor_environment <"$state/env/$service.lines")
    environments[$service]=$environment
    service_environment "$service" with-jobs >"$state/env/$service.lines"
    # The same for bash, to run jobs, and functions by hand. Only the service's user can read it.
    while IFS= read -r line; do
      printf '%s=%q\n' "${line%%=*}" "${line#*=}"
    done <"$state/env/$service.lines" >"$state/env/$service.env.new"
    rm "$state/env/$service.lines"
    if is_root; then
      chgrp "$(id -gn "$(user_of "$service")")" "$state/env/$service.env.new"
      chmod 640 "$state/env/$service.env.new"
    fi
    mv "$state/env/$service.env.new" "$state/env/$service.env"
  done
  ! is_root || socket_owner="socket_owner=root:$socket_group"

  {
    cat <<EOF
; Written by scripts/run at every start.
[supervisord]
pidfile=$state/supervisord.pid
logfile=$state/logs/supervisord.log
logfile_maxbytes=5MB
logfile_backups=1
directory=/
umask=077
$(! is_root || say "user=root")

[unix_http_server]
file=$state/supervisor.sock
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

; Keeps the pools' sockets open and supervisord awake (see pool_keeper.py)
[rpcinterface:pool_keeper]
supervisor.rpcinterface_factory=pool_keeper:make_pool_keeper
logs=$state/logs/nginx-access.log $state/logs/nginx-error.log
log_maximum_bytes=$(setting LOG_MAX_BYTES)

[supervisorctl]
serverurl=unix://$state/supervisor.sock

; Started by scripts/run in this order: postgres, mail-sink, pools, nginx, cron. Ended from the highest priority down:
; cron with its jobs, which call functions; nginx, which finishes the requests that it has accepted; the workers; and
; then the servers that they call.

[program:nginx]
command=$state/supervisor/start-nginx $state
priority=900
autostart=false
autorestart=true
startsecs=0
stopsignal=QUIT
stopwaitsecs=10
killasgroup=true
redirect_stderr=true
stdout_logfile=$state/logs/nginx.out
stdout_logfile_maxbytes=1MB
stdout_logfile_backups=0
EOF

    if [[ $private_cluster ]]; then
      cat <<EOF

[program:postgres]
command=$(postgres_programs)/postgres -D $(postgres_data)
$(! is_root || say "user=$postgres_user")
priority=100
autostart=false
autorestart=true
startsecs=0
; INT: ends all sessions at once; what was committed is kept
stopsignal=INT
stopwaitsecs=60
redirect_stderr=true
stdout_logfile=$state/logs/postgres.out
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=1
EOF
    fi

    if [[ $mail_sink ]]; then
      cat <<EOF

; Delivers nothing: all mail is put into a Maildir. Only this host can reach it.
[program:mail-sink]
command=/usr/bin/python3 -I -m aiosmtpd -n -l 127.0.0.1:$port_mail -c aiosmtpd.handlers.Mailbox $state/mail
$(! is_root || say "user=$(user_of notification)")
priority=200
autostart=false
autorestart=true
startsecs=0
stopsignal=TERM
stopwaitsecs=5
redirect_stderr=true
stdout_logfile=$state/logs/mail-sink.out
stdout_logfile_maxbytes=1MB
stdout_logfile_backups=0
EOF
    fi

    if [[ $cron == on ]]; then
      # As root, because each line names its user.
      cat <<EOF

[program:cron]
command=/usr/bin/python3 -I $state/supervisor/cron.py $state/crontab
priority=950
autostart=false
autorestart=true
startsecs=0
stopsignal=TERM
stopwaitsecs=15
redirect_stderr=true
stdout_logfile=$state/logs/cron.out
stdout_logfile_maxbytes=1MB
stdout_logfile_backups=1
EOF
    fi

    while read -r function service workers nice_value queue; do
      command=$state/functions/$function
      [[ $nice_value == 0 ]] || command="nice -n $nice_value $command"
      environment="${environments[$service]},LOG_FILE=\"${LOG_FILE:-$state/logs/$service/$function.log}\""
      # startsecs=0: a worker that is killed right after its start is started again without a pause.
      # The socket belongs to supervisord, so no request is lost while no worker listens.
      cat <<EOF

[fcgi-program:$function]
command=$command
process_name=%(program_name)s-%(process_num)d
numprocs=$((workers + 1))
$(! is_root || say "user=$(user_of "$service")")
priority=500
socket=unix://$state/sockets/$function.sock
$socket_owner
socket_mode=0660
socket_backlog=$queue
autostart=false
autorestart=true
startsecs=0
stopsignal=TERM
stopwaitsecs=15
redirect_stderr=true
stdout_logfile=$state/logs/$function-%(process_num)d.out
stdout_logfile_maxbytes=1MB
stdout_logfile_backups=0
environment=$environment

; Where restart-pool tries a new build out, on a socket that only probes reach.
[fcgi-program:trial-$function]
command=$command
numprocs=1
$(! is_root || say "user=$(user_of "$service")")
priority=500
socket=unix://$state/sockets/trial-$function.sock
$socket_owner
socket_mode=0660
autostart=false
autorestart=false
startsecs=0
stopsignal=TERM
stopwaitsecs=5
redirect_stderr=true
stdout_logfile=$state/logs/trial-$function.out
stdout_logfile_maxbytes=1MB
stdout_logfile_backups=0
environment=$environment
EOF
    done < <(pools)
  } >"$state/supervisord.conf.new"
  mv "$state/supervisord.conf.new" "$state/supervisord.conf"
)

# Writes the jobs and their times in the format of /etc/cron.d. The file has no secrets, and cron accepts only files that
# nobody but root can write.
render_crontab() {
  local file=$state/crontab service
  local fill_in=(-e "s|@STATE@|$state|g")
  for service in "${services[@]}"; do
    fill_in+=(-e "s|@USER_${service^^}@|$(user_of "$service")|g")
  done
  sed "${fill_in[@]}" "$root/scripts/crontab" >"$file.new"
  chmod 644 "$file.new"
  mv "$file.new" "$file"
  /usr/bin/python3 -I "$state/supervisor/cron.py" --check "$file" || die "scripts/crontab is not valid"
}

render_nginx() {
  local file user='' max_files=65536
  ! is_root || user="user $nginx_user;"
  # As many as allowed: in a container, even root cannot raise the limit.
  (ulimit -n "$max_files") 2>/dev/null || max_files=$(ulimit -Hn)
  install -d -m 711 "$state/nginx/generated"
  for file in "$root"/nginx/{,generated/}*.conf; do
    sed -e "s|@USER@|$user|g" -e "s|@MAX_FILES@|$max_files|g" -e "s|@STATE@|$state|g" \
      -e "s|@LISTEN@|$listen_address|g" -e "s|@RATE_LIMIT@|$rate_limit|g" \
      -e "s|@PORT_ALL@|$port_all|g" -e "s|@PORT_USER@|$port_user|g" \
      -e "s|@PORT_AUTH@|$port_auth|g" -e "s|@PORT_TASK@|$port_task|g" \
      -e "s|@PORT_NOTIFICATION@|$port_notification|g" \
      -e "s|@PORT_GRPC_ALL@|$port_grpc_all|g" -e "s|@PORT_GRPC_USER@|$port_grpc_user|g" \
      -e "s|@PORT_GRPC_AUTH@|$port_grpc_auth|g" -e "s|@PORT_GRPC_TASK@|$port_grpc_task|g" \
      -e "s|@PORT_GRPC_NOTIFICATION@|$port_grpc_notification|g" \
      "$file" >"$state/nginx/${file#"$root/nginx/"}"
  done
  /usr/sbin/nginx -t -q -c "$state/nginx/nginx.conf" -e "$state/logs/nginx-error.log" ||
    die "nginx does not accept its configuration in $state/nginx"
}

start_supervisor() {
  rm -f "$state/supervisor.sock" # a killed supervisord leaves it behind
  # With an environment of its own, so that a function sees only what is meant for it.
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    PYTHONPATH="$state/supervisor" PYTHONDONTWRITEBYTECODE=1 /usr/bin/supervisord -c "$state/supervisord.conf" 9>&- >/dev/null ||
    die "supervisord does not start; see $state/logs/supervisord.log"
  wait_until 10 supervisor_answers || die "supervisord does not answer; see $state/logs/supervisord.log"
}

supervisor_answers() { [[ -S $state/supervisor.sock ]] && supervisor_pid; }

migrate() {
  local name
  say "Migrating the databases…"
  for name in user task notification; do
    DATABASE_URL=$(database_url "${name}_owner") \
      run_as "$postgres_user" "$state/functions/migrate" "$state/migrations/${name}_db" ||
      die "the migration of ${name}_db failed"
  done
}
