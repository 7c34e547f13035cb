#!/usr/bin/env bash
# Build the programs that the tests and lints use, and link them into .tools/bin.
#
# Every folder tools/NAME with a go.mod names its programs in `tool` lines. A folder with a
# package.json has its program in service.mjs. What is built is kept in the user's cache
# under the hash of the module's lock, so a fresh clone finds it.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/ipfs-kit/tools
mkdir -p .tools/bin "$cache"

# once MODULE KEY COMMAND...: run a command, which fills the folder behind its arguments,
# unless the cache has what it makes; that folder is `built` afterwards.
once() {
  local module=$1 key=$2
  shift 2
  built=$cache/$(basename "$module")-$(git hash-object --stdin <<<"$key" | cut -c1-12)
  [[ ! -d $built ]] || return 0
  echo "tools: building ${module#tools/}"
  local partial
  partial=$(mktemp -d "$built.XXXXXX")
  "$@" "$partial"
  [[ -d $built ]] || mv "$partial" "$built"
}

build_go() {
  go -C "$1" build -trimpath -o "$2/" tool
}

build_npm() {
  cp "$1"/package.json "$1"/package-lock.json "$1"/service.mjs "$2"
  npm ci --prefix "$2" --ignore-scripts --no-audit --no-fund --loglevel=error
}

if command -v go >/dev/null; then
  export CGO_ENABLED=0 GOTOOLCHAIN=${GOTOOLCHAIN:-local}
  for lock in tools/*/go.sum; do
    module=$(dirname "$lock")
    once "$module" "$(cat "$module/go.mod" "$lock"; go version)" build_go "$module"
    ln -sf "$built"/* .tools/bin/
  done
else
  echo "tools: Go is not installed, so the real programs are not built; tests that need them skip" >&2
fi

if command -v npm >/dev/null; then
  for lock in tools/*/package-lock.json; do
    module=$(dirname "$lock")
    once "$module" "$(cat "$module"/package.json "$lock" "$module"/service.mjs; node --version)" \
      build_npm "$module"
    ln -sf "$built/service.mjs" ".tools/bin/$(basename "$module")-service"
  done
else
  echo "tools: Node is not installed, so the upload service is not built; tests that need it skip" >&2
fi
