#!/usr/bin/env bash
# Put a Docker engine for the tests into .tools/bin, where Debian's packages have one.
#
# They are downloaded and unpacked into the user's cache: nothing is installed, nothing of
# the system changes, and a fresh clone finds them there without a network. Where that is
# not possible it says so, and the tests that need containers skip.
set -euo pipefail
cd "$(dirname "$0")/.."

cannot() {
  echo "tools: no Docker engine for the tests: $1; those that need containers skip" >&2
  exit 0
}

[[ $(uname -s) == Linux && $(id -u) == 0 ]] || cannot "it needs root on Linux"
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || cannot "it comes from Debian's packages"

packages=(docker.io containerd runc busybox-static)
programs=(dockerd docker-proxy containerd containerd-shim-runc-v2 runc busybox)
release=$(. /etc/os-release && echo "$ID-$VERSION_ID")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ipfs-kit/tools
built=$cache/docker-$release-$(dpkg --print-architecture)

if [[ ! -d $built ]]; then
  echo "tools: unpacking a Docker engine"
  mkdir -p "$cache"
  partial=$(mktemp -d "$built.XXXXXX")
  trap 'rm -rf "$partial"' EXIT
  mkdir "$partial/bin"
  get() { (cd "$partial" && apt-get -qq download "${packages[@]}" >"$partial/log" 2>&1); }
  # The lists of packages may be old, or not be there at all.
  get || { apt-get -qq update >"$partial/log" 2>&1 && get; } || cannot "$(tail -n 1 "$partial/log")"
  for package in "$partial"/*.deb; do
    dpkg-deb --extract "$package" "$partial/root"
  done
  for program in "${programs[@]}"; do
    find "$partial/root" -type f -name "$program" -perm -100 -exec cp {} "$partial/bin/" \;
    [[ -x $partial/bin/$program ]] || cannot "the packages have no $program"
    if missing=$(ldd "$partial/bin/$program" 2>/dev/null | grep 'not found'); then
      cannot "$program needs ${missing%%=>*}, which is not installed"
    fi
  done
  [[ -d $built ]] || mv "$partial/bin" "$built"
fi
mkdir -p .tools/bin
ln -sf "$built"/* .tools/bin/
