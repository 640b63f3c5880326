# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with the scripts that source this
# Helpers for all scripts: paths, settings, users, messages.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
library=$root/scripts/lib

say() { printf '%s\n' "$*"; }

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# The text of a script's --help is its opening comment.
show_help() { sed -n '2,/^$/ { /^#/!d; s/^# \{0,1\}//; p }' "$0"; }

unknown_argument() { die "unknown argument '$1' (see --help)"; }

# --- the table of pools ---

# Prints `function service workers nice queue` for every function of the contract.
pools() {
  awk '
    /^[[:space:]]*(#|$)/ { next }
    FILENAME == ARGV[1] { size[$1] = $2 " " $3 " " $4; next }
    { print $1, $2, ($1 in size ? size[$1] : size["usual"]); delete size[$1] }
    END {
      delete size["usual"]
      for (name in size) {
        print "scripts/pools: there is no function " name > "/dev/stderr"
        wrong = 1
      }
      exit wrong
    }' "$root/scripts/pools" "$library/functions.tsv"
}

# --- the table of jobs ---

# Prints `job service` for every job that cron starts.
cron_jobs() { sed -n 's|^[^#].*/run-job \([a-z]*\) \([a-z-]*\).*|\2 \1|p' "$root/scripts/crontab"; }

# Prints the name of every executable: the functions, the jobs, and the tools of operators and scripts.
executables() {
  pools | cut -d' ' -f1
  cron_jobs | cut -d' ' -f1 | sort -u
  printf '%s\n' migrate create-admin check-settings generate-bindings
}

# --- the settings (SETTINGS.md) ---

# Prints `name kind default origin functions jobs tools` for every setting, separated by tabs.
settings() { grep -v '^#' "$library/settings.tsv"; }

# Unsets all settings.
clear_settings() {
  local names
  mapfile -t names < <(settings | cut -f1)
  unset "${names[@]}"
}

# setting NAME: prints the value of a setting or, if it is not set, its default.
setting() {
  local name default
  while IFS=$'\t' read -r name _ default _; do
    [[ $name == "$1" ]] || continue
    if [[ ${!name:-} ]]; then
      say "${!name}"
    elif [[ $default != - ]]; then
      say "$default"
    fi
    return
  done < <(settings)
  die "$1 is not declared as a setting"
}

# --- where the state is ---

# Prints the folder that STATE_DIR asks for, which may be a link to the real one.
state_folder() { say "${STATE_DIR:-$root/$(setting STATE_DIR)}"; }

# find_state make|existing: sets `state` to the real path of STATE_DIR.
#
# Started by root, nginx, PostgreSQL and the functions run as users of their own. If these users cannot reach the
# folder (because the checkout is below /root), the state is kept in /var/lib/task-management, and STATE_DIR becomes a
# link to it.
find_state() {
  local wanted parent
  wanted=$(state_folder)
  if [[ -d $wanted ]]; then
    state=$(realpath "$wanted")
    reachable "$state" || ! is_root || ! is_empty "$state" || move_state "$wanted"
  elif [[ $1 == make ]]; then
    parent=$(realpath -m "$(dirname "$wanted")")
    mkdir -p "$parent"
    if is_root && ! reachable "$parent"; then
      move_state "$wanted"
    else
      mkdir -p "$wanted" # another start may just have made it
      chmod 711 "$wanted"
      state=$(realpath "$wanted")
    fi
  else
    state=$(realpath -m "$wanted")
  fi
  if ! is_root && [[ -d $state && ! -w $state ]]; then
    die "$state belongs to $(stat -c %U "$state"): run this as that user, or choose another STATE_DIR"
  fi
  if is_root && [[ -d $state ]] && ! reachable "$state"; then
    die "other users cannot reach $state; choose another STATE_DIR"
  fi
}

# Moves the state of $1 below /var/lib, under a name derived from $1.
move_state() {
  local wanted=$1 name
  name=$(realpath -ms "$wanted" | sha256sum | cut -c1-12)
  state=/var/lib/task-management/$name
  mkdir -p "$state"
  chmod 711 "$state"
  if [[ -d $wanted && ! -L $wanted ]]; then rmdir "$wanted"; fi
  ln -sfn "$state" "$wanted"
}

is_root() { [[ $(id -u) == 0 ]]; }

is_empty() { [[ -z $(ls -A "$1") ]]; }

# Succeeds if users other than root and the owner can enter the folder $1.
reachable() { ! is_root || runuser -u nobody -- test -x "$1"; }

# --- who runs what ---

# Started by root, nginx runs as www-data, PostgreSQL as postgres, and the functions of each service as a system user of
# their own, so that no service can read another's memory or reach the database as another. Otherwise, everything runs
# as the caller.
services=(user auth task notification health)
if is_root; then
  functions_group=task-functions
  nginx_user=www-data
  postgres_user=postgres
else
  functions_group=$(id -gn)
  nginx_user=$(id -un)
  postgres_user=$nginx_user
fi

# Prints the user that a service's functions run as.
user_of() { if is_root; then say "task-functions-$1"; else id -un; fi; }

# run_as USER COMMAND...: runs COMMAND with the same environment, in /, which every user can enter.
run_as() {
  local user=$1
  shift
  if [[ $user == "$(id -un)" ]]; then
    (cd / && exec "$@")
  else
    (cd / && exec runuser -u "$user" -- "$@")
  fi
}

# --- what is running ---

supervisor_pid() { # prints the pid of this state's supervisor, if it is running
  local pid
  pid=$(cat "$state/supervisord.pid" 2>/dev/null) || return 1
  [[ -n $pid ]] && is_argument_of "$pid" "$state/supervisord.conf" && printf '%s\n' "$pid"
}

# Succeeds if process $1 was started with the argument $2: by now, a pid from a file may belong to another process.
is_argument_of() { tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | grep -qxF -- "$2"; }

# wait_until SECONDS COMMAND...: tries COMMAND ten times a second until it succeeds or the time is over, whatever time
# COMMAND takes.
wait_until() {
  local -i end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 0.1
  done
}

supervisor() { /usr/bin/python3 "$library/pools.py" "$state/supervisor.sock" "$@"; }
