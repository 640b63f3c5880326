# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with the scripts that source this
# Ends what scripts/run started in $state, and nothing else.

stop_everything() {
  local pid
  if pid=$(supervisor_pid); then
    say "Stopping…"
    kill -TERM "$pid" 2>/dev/null || true
    # cron and its jobs have 15 s, nginx 10, the workers 15, the mail sink 5, PostgreSQL 60.
    wait_until 110 gone "$pid" || die "supervisord (pid $pid) does not end; see $state/logs/supervisord.log"
  fi
  end_leftovers
  rm -f "$state/address" "$state/supervisord.pid"
}

# Whether process $1 has ended; a zombie, which only waits for its parent, has.
gone() { ! grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status" 2>/dev/null; }

# What a killed supervisord leaves behind: its children, each known by its pid file or its executable.
end_leftovers() {
  local pid signal line lines
  mapfile -t lines < <(leftovers)
  ((${#lines[@]})) || return 0
  say "Ending ${#lines[@]} processes left over from an earlier run…"
  for line in "${lines[@]}"; do
    read -r pid signal <<<"$line"
    kill -"$signal" "$pid" 2>/dev/null || continue
    wait_until 20 gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
  done
}

# Prints `PID SIGNAL` lines in the order of ending.
leftovers() {
  local pid file pythons=()
  for file in /proc/[0-9]*/exe; do
    if [[ $(readlink "$file" 2>/dev/null) == /usr/bin/python3* ]]; then
      pid=${file#/proc/}
      pythons+=("${pid%/exe}")
    fi
  done
  for pid in "${pythons[@]}"; do
    ! is_argument_of "$pid" "$state/supervisor/cron.py" || say "$pid TERM"
  done
  pid=$(cat "$state/nginx/nginx.pid" 2>/dev/null) &&
    grep -qaF "$state/nginx/nginx.conf" "/proc/$pid/cmdline" 2>/dev/null && say "$pid QUIT"
  for file in /proc/[0-9]*/exe; do
    if [[ $(readlink "$file" 2>/dev/null) == "$state/functions/"* ]]; then
      pid=${file#/proc/}
      say "${pid%/exe} TERM"
    fi
  done
  for pid in "${pythons[@]}"; do
    ! is_argument_of "$pid" "$state/mail" || ! is_argument_of "$pid" aiosmtpd || say "$pid TERM"
  done
  pid=$(head -n 1 "$state/postgres/postmaster.pid" 2>/dev/null) &&
    is_argument_of "$pid" "$state/postgres" && say "$pid INT"
  true
}
