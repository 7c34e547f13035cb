#!/usr/bin/env bash
# Install the peers that cannot live in .venv into the user's cache, and print their folder.
#
# They are the npm packages; py-multiformats, which claims the same module as multiformats;
# MosaicML's streaming, which asks for an older numpy and six clouds' clients, and reads a
# local folder without; and the bare reader of a tree. What the machine has no tool for is
# left out.
set -euo pipefail
cd "$(dirname "$0")"

py_multiformats=py-multiformats==0.4.0a1
streaming=(
  mosaicml-streaming==0.13.0 brotli==1.2.1 catalogue==2.0.10 cramjam==2.14.0
  python-snappy==0.7.3 zstd==1.5.7.2
)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ipfs-kit
# The last is where the Makefile puts it if the machine has none.
uv=${UV:-$(command -v uv || echo "$cache/uv/bin/uv")}
key=$(cat -- package-lock.json read_tree.rs install.sh | git hash-object --stdin | cut -c1-12)
peers=$cache/peers/$key

if [[ ! -d $peers ]]; then
  mkdir -p "$(dirname "$peers")"
  partial=$(mktemp -d "$peers.XXXXXX")
  cp package.json package-lock.json "$partial"
  {
    ! command -v npm || npm ci --prefix "$partial" --ignore-scripts
    "$uv" pip install --target "$partial/py-multiformats" --no-deps "$py_multiformats"
    "$uv" pip install --target "$partial/streaming" --no-deps "${streaming[@]}"
    ! command -v rustc || rustc -O --edition 2024 -o "$partial/read_tree" read_tree.rs
  } >&2
  mv "$partial" "$peers"
fi
cp importer.mjs "$peers"
echo "$peers"
