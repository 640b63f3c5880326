# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with the scripts that source this
# Reads and checks the settings with the executable check-settings, which has their declarations.

# Sets `functions_source`, the folder of the executables.
find_functions() {
  functions_source=$(realpath -m "${FUNCTIONS_DIR:-$root/$(setting FUNCTIONS_DIR)}")
}

# check_settings_by MODE: calls check-settings with the caller's environment and, if there is one, the settings file.
check_settings_by() {
  [[ -x $functions_source/check-settings ]] ||
    die "there is no $functions_source/check-settings: run scripts/build"
  "$functions_source/check-settings" "$1" ${config:+--config "$config"}
}

# Checks all settings, reports everything that is wrong, and ends the script if anything is. The settings in the
# settings file become variables of this shell that are not exported.
check_settings() {
  local lines line wrong=''
  lines=$(check_settings_by --check) || wrong=1
  while IFS= read -r line; do
    [[ -z $line ]] || printf -v "${line%%=*}" '%s' "${line#*=}"
  done <<<"$lines"
  all_files_are_readable || wrong=1
  [[ ! $wrong ]] ||
    die "nothing was started, because of the settings above (scripts/run --settings prints all of them)"
}

# Succeeds if the users of the services can read the files that their settings name. That the caller can read them has
# already been checked.
all_files_are_readable() {
  local name kind functions jobs path service user status=0
  while IFS=$'\t' read -r name kind _ _ functions jobs _; do
    [[ $kind == file && -r ${!name:-} ]] || continue
    path=$(realpath -ms "${!name}")
    for service in "${services[@]}"; do
      [[ ,$functions, == *",$service,"* || ,$jobs == *",$service/"* ]] || continue
      user=$(user_of "$service")
      run_as "$user" test -r "$path" && continue
      say "$name: $user, whom the functions of $service run as, cannot read $path" >&2
      status=1
    done
  done < <(settings)
  return "$status"
}

# Keeps the settings that are set, for scripts/upgrade and for the next scripts/run. They may hold passwords.
store_settings() {
  local name
  (
    umask 077
    while IFS=$'\t' read -r name _; do
      [[ $name == STATE_DIR || $name == FUNCTIONS_DIR || -z ${!name:-} ]] || printf '%s=%s\n' "$name" "${!name}"
    done < <(settings) >"$state/settings.new"
  )
  mv "$state/settings.new" "$state/settings"
}

# Replaces all settings by those that the running system was started with.
restore_settings() {
  local line state_before=${STATE_DIR-} functions_before=${FUNCTIONS_DIR-}
  clear_settings
  while IFS= read -r line; do
    export "${line%%=*}=${line#*=}"
  done <"$state/settings"
  [[ ! $state_before ]] || export STATE_DIR=$state_before
  [[ ! $functions_before ]] || export FUNCTIONS_DIR=$functions_before
}

# Prints the names of the caller's settings that differ from those that the running system was started with.
settings_that_differ() {
  local line name kind default value
  declare -A stored
  [[ -r $state/settings ]] || return 0
  while IFS= read -r line; do stored[${line%%=*}]=${line#*=}; done <"$state/settings"
  while IFS=$'\t' read -r name kind default _; do
    value=${!name:-}
    [[ $name != STATE_DIR && $name != FUNCTIONS_DIR && $value ]] || continue
    [[ $kind != file && $kind != path ]] || value=$(realpath -ms "$value")
    [[ $value == "${stored[$name]-$default}" ]] || say "$name"
  done < <(settings)
}
