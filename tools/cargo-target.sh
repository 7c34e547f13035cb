#!/usr/bin/env bash
# Print the Cargo target folder of this clone, in the user's cache; make it on first use.
#
# Clones cannot share one: Cargo names a workspace's crates by their path inside it and
# trusts time stamps, so one clone would be handed the other's library. A clone that is
# gone leaves its folder to the next: the dependencies in it are kept, our own crates are
# built anew.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/ipfs-kit/cargo
mine=$cache/$(pwd -P | git hash-object --stdin | cut -c1-12)
mkdir -p "$cache"

# The orphan that was used last is adopted, older ones are removed.
adopt_orphan() {
  local owner
  while IFS= read -r owner; do
    if [[ -e $(<"$owner") ]]; then
      continue
    elif [[ -d $mine ]]; then
      rm -rf "${owner%/owner}"
    elif mv "${owner%/owner}" "$mine" 2>/dev/null; then
      rm -rf "$mine"/*/.fingerprint/ipfs-kit-*
    fi
  done < <(ls -t "$cache"/*/owner 2>/dev/null)
}

[[ -d $mine ]] || adopt_orphan
mkdir -p "$mine"
pwd -P >"$mine/owner"
echo "$mine"
