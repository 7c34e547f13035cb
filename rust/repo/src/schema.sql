-- What the repository knows beyond the packs themselves.
CREATE TABLE IF NOT EXISTS meta (
    key TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- Every pack that holds committed blocks. `bytes` is how long it is committed; `seq` and
-- `time` are those of its newest commit.
CREATE TABLE IF NOT EXISTS pack (
    id INTEGER PRIMARY KEY,
    sealed INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    blocks INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    dead_blocks INTEGER NOT NULL DEFAULT 0,
    dead_bytes INTEGER NOT NULL DEFAULT 0,
    dead BLOB
) STRICT;

-- `seq` is the number of a commit, in the order they happened.
--
-- Blocks of packs that are not sealed: (multihash, offset as u64 in little endian) one
-- behind the other, a row for each commit.
CREATE TABLE IF NOT EXISTS segment (
    seq INTEGER PRIMARY KEY,
    pack INTEGER NOT NULL,
    time INTEGER NOT NULL,
    entries BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS segment_pack ON segment (pack);

-- Blocks and roots that a commit found present and relies on: multihashes, and CIDs.
CREATE TABLE IF NOT EXISTS touched (
    seq INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    blocks BLOB NOT NULL,
    roots BLOB NOT NULL
) STRICT;

-- Pins by CID in version 1, so that both versions of a CID are one.
CREATE TABLE IF NOT EXISTS pin (
    key BLOB PRIMARY KEY,
    cid BLOB NOT NULL,
    recursive INTEGER NOT NULL,
    name TEXT,
    time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Roots that are kept under a name of the program's own.
CREATE TABLE IF NOT EXISTS root (
    name TEXT PRIMARY KEY,
    cid BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Blocks that lie in files of the user's.
CREATE TABLE IF NOT EXISTS file (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE
) STRICT;
CREATE TABLE IF NOT EXISTS reference (
    hash BLOB PRIMARY KEY,
    file INTEGER NOT NULL,
    start INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Files of folders that were imported, as they stood then.
CREATE TABLE IF NOT EXISTS unchanged (
    params BLOB NOT NULL,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    removals INTEGER NOT NULL,
    files BLOB NOT NULL,
    PRIMARY KEY (params, device, inode)
) STRICT, WITHOUT ROWID;
