# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with the scripts that source this
# Installs what is missing: Debian packages, Python packages and Swagger UI.

runtime_packages=(nginx supervisor postgresql curl openssl jq tzdata libpq-dev libssl-dev libcrypt-dev libfcgi-dev libcurl4-openssl-dev libnghttp2-dev
  python3-pip python3-aiosmtpd python3-croniter)
test_packages=(python3-venv shellcheck wrk nghttp2-client chromium chromium-driver valgrind node-typescript
  pgbouncer)

# install_packages NAME...
install_packages() {
  local package missing=()
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
      missing+=("$package")
  done
  ((${#missing[@]})) || return 0

  command -v apt-get >/dev/null ||
    die "these Debian packages are missing, and there is no apt-get to install them: ${missing[*]}"
  local as_root=()
  if ! is_root; then
    if ! command -v sudo >/dev/null || ! { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
      die "please install these packages as root first: apt-get install ${missing[*]}"
    fi
    as_root=(sudo)
  fi

  say "Installing packages: ${missing[*]}"
  local output
  output=$(mktemp)
  if ! "${as_root[@]}" bash "$library/apt-install" "${missing[@]}" >"$output" 2>&1; then
    tail -n 20 "$output" >&2
    rm -f "$output"
    die "apt-get could not install ${missing[*]}"
  fi
  rm -f "$output"
}

# Puts the Swift toolchain on PATH.
find_swift() {
  local folder
  command -v swift >/dev/null && return
  for folder in /opt/swift/usr/bin "$HOME/.local/share/swiftly/bin"; do
    if [[ -x $folder/swift ]]; then
      PATH=$folder:$PATH
      return
    fi
  done
  die "there is no Swift toolchain: install Swift 6.2 or newer from https://www.swift.org/install/linux/ (looked in PATH, /opt/swift/usr/bin and ~/.local/share/swiftly/bin)"
}

# Creates the Python environment of the end-to-end tests, unless it already matches their requirements.
make_venv() {
  local requirements=$root/Tests/EndToEnd/requirements.txt
  venv=$root/.build/venv
  ! cmp -s "$requirements" "$venv/requirements.txt" || return 0
  install_packages "${test_packages[@]}"
  say "Installing Python packages for the end-to-end tests…"
  rm -rf "$venv"
  /usr/bin/python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$venv/requirements.txt"
}

# Downloads Swagger UI into .build/swagger-ui/, unless the wanted version is there. Without it, the docs page says so,
# and everything else works.
fetch_swagger_ui() (
  wanted=$library/swagger-ui.txt
  target=$root/.build/swagger-ui
  new=$target.new
  if ! mkdir -p "$root/.build" 2>/dev/null || [[ ! -w $root/.build ]]; then
    say "The docs page does without Swagger UI, because $root/.build cannot be written." >&2
    return 0
  fi
  exec 7>"$root/.build/swagger-ui.lock"
  flock -w 90 7 || return 0
  ! cmp -s "$wanted" "$target/wanted.txt" || return 0

  say "Fetching Swagger UI for the docs page…"
  rm -rf "$new"
  mkdir "$new"
  # Only as a wheel with the given hash, and within a minute.
  if {
    timeout --foreground 60 /usr/bin/python3 -m pip download --disable-pip-version-check --retries 1 --timeout 10 \
      --no-deps --only-binary=:all: --require-hashes --dest "$new" -r "$wanted" &&
      /usr/bin/python3 -m zipfile -e "$new/"*.whl "$new/wheel" &&
      mv "$new/wheel/"*/static/*/swagger-ui-dist "$new/files" &&
      cp "$wanted" "$new/files/wanted.txt"
  } >"$target.log" 2>&1; then
    rm -rf "$target"
    mv "$new/files" "$target"
  else
    say "Swagger UI could not be fetched (see $target.log); the docs page does without it until a later start succeeds." >&2
  fi
  rm -rf "$new"
)
