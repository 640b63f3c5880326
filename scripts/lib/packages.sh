# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with the scripts that source this
# Installs the Debian packages that are missing.

runtime_packages=(nginx supervisor postgresql curl openssl jq tzdata libpq-dev libssl-dev libcrypt-dev libfcgi-dev)
test_packages=(python3-venv shellcheck wrk)

# install_packages NAME...
install_packages() {
  local package missing=()
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
      missing+=("$package")
  done
  ((${#missing[@]})) || return 0

  command -v apt-get >/dev/null ||
    die "needs Debian's packages ${missing[*]}, and there is no apt-get here to install them"
  local as_root=()
  if ! is_root; then
    if ! command -v sudo >/dev/null || ! { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
      die "please install these packages first (it takes root): apt-get install ${missing[*]}"
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

# Makes the Python environment of the end-to-end tests, if it is not there as their requirements say.
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
