# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with the scripts that source this
# Ends the processes that scripts/run started in $state, and no others.

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

# Succeeds if process $1 has ended; a zombie, which only waits for its parent, counts as ended.
gone() { ! grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status" 2>/dev/null; }

# Ends the children that a killed supervisord left behind, which their pid files or executables identify.
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

# Prints a line `PID SIGNAL` for each, in the order in which they should end.
leftovers() {
  local pid file line group group_of_nginx pythons=()
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
  # Workers of an nginx that was killed.
  group_of_nginx=$(cat "$state/nginx/group" 2>/dev/null || true)
  for file in /proc/[0-9]*/stat; do
    { read -r line <"$file"; } 2>/dev/null || continue
    read -r _ _ group _ <<<"${line##*) }"
    [[ $group == "$group_of_nginx" && $line == *"(nginx)"* ]] || continue
    # By now, the number may be that of another nginx: this one writes our log.
    pid=${file#/proc/}
    pid=${pid%/stat}
    [[ " $(readlink /proc/"$pid"/fd/* 2>/dev/null | tr '\n' ' ') " != *" $state/logs/nginx-error.log "* ]] || say "$pid QUIT"
  done
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

# Gives the ports back that scripts/run has reserved.
release_ports() {
  local file=/proc/sys/net/ipv4/ip_local_reserved_ports offset ours all
  [[ -w $file && -r $state/settings ]] || return 0
  offset=$(sed -n 's/^PORT_OFFSET=//p' "$state/settings")
  ours=$((50050 + 10#${offset:-0}))-$((50054 + 10#${offset:-0}))
  IFS=, read -ra all <"$file"
  printf '%s\n' "${all[@]}" | { grep -vxF -- "$ours" || true; } | paste -sd, - 2>/dev/null >"$file" || true
}
