#!/usr/bin/env bash
# Build the Go programs that the tests and lints use, and link them into .tools/bin.
#
# Every folder tools/NAME with a go.mod names its programs in `tool` lines. What is built is
# kept in the user's cache under the hash of the module's lock, so a fresh clone finds it.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p .tools/bin
if ! command -v go >/dev/null; then
  echo "tools: Go is not installed, so the real programs are not built; tests that need them skip" >&2
  exit 0
fi

cache=${XDG_CACHE_HOME:-$HOME/.cache}/ipfs-kit/tools
export CGO_ENABLED=0 GOTOOLCHAIN=${GOTOOLCHAIN:-local}
mkdir -p "$cache"
for lock in tools/*/go.sum; do
  module=$(dirname "$lock")
  key=$({ cat "$module/go.mod" "$lock"; go version; } | git hash-object --stdin | cut -c1-12)
  built=$cache/$(basename "$module")-$key
  if [[ ! -d $built ]]; then
    echo "tools: building ${module#tools/}"
    partial=$(mktemp -d "$built.XXXXXX")
    go -C "$module" build -trimpath -o "$partial/" tool
    [[ -d $built ]] || mv "$partial" "$built"
  fi
  ln -sf "$built"/* .tools/bin/
done
