# shellcheck shell=bash disable=SC2154 # names are shared with the scripts that source this
# Makes and rotates the keys for tokens: a JWK set (RFC 7517) in which exactly one key signs.

# What the functions accept (Shared/Tokens/KeyRing.swift).
# shellcheck disable=SC2034 # used by rotate-keys
maximum_keys=16

# Prints a new key that signs. It goes through a pipe, because everybody can read command lines.
make_key() {
  openssl rand -base64 48 | tr -d '\n=' | tr '+/' '-_' |
    jq -R --arg kid "$(date -u +%Y%m%d)-$(openssl rand -hex 4)" \
      '{kty: "oct", kid: $kid, alg: "HS256", k: ., key_ops: ["sign", "verify"]}'
}

# Prints a key set with one key.
make_keys() { make_key | jq '{keys: [.]}'; }

# rotated_keys FILE: prints the key set with a new key that signs. The others only verify; since when, `retired_at` says.
# Those that retired longer ago than any token lives (`life_seconds`) are left out.
rotated_keys() {
  make_key | jq --slurpfile ring "$1" --argjson now "$(date +%s)" --argjson life "$life_seconds" '
    {keys: ([$ring[0].keys[] | .key_ops = ["verify"] | .retired_at //= $now | select(.retired_at + $life >= $now)] + [.])}'
}

# signing_key FILE: prints the id of the key that signs.
signing_key() { jq -r '[.keys[] | select(.key_ops | index("sign")) | .kid] | if length == 1 then .[0] else "" end' "$1"; }

# pools_without ID: prints the names of the functions that do not sign with the key ID, although they have keys.
pools_without() {
  local function answer
  while read -r function _; do
    # An answer without a body is that of a pool that has no keys.
    answer=$(curl -sf --max-time 2 --unix-socket "$state/probe/probe.sock" "http://probe/$function") &&
      jq -e --arg id "$1" '.keys == null or .key_id == $id' <<<"${answer:-{\}}" >/dev/null 2>&1 ||
      printf '%s ' "$function"
  done < <(pools)
}
