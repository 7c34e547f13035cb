//! The samples of a folder: its files, and those of the folders in it.

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::{BlockSource, DagError};
use ipfs_kit_unixfs::read::{MAX_DEPTH, Node, entries};
use ipfs_kit_unixfs::{Control, NodeKind, UnixFsError};

use crate::Cids;

/// Blocks that are asked for at once to see what they are.
const MOST_AT_ONCE: usize = 256;

/// Many short texts in one piece of memory.
#[derive(Debug, Clone, Default)]
pub struct Names {
    text: String,
    ends: Vec<usize>,
}

impl Names {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The one at a place.
    pub fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before).copied());
        self.text.get(start.unwrap_or(0)..end)
    }

    /// Adds one behind the last.
    pub fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }
}

/// The files of a folder, in the order of their paths.
#[derive(Debug, Default)]
pub struct Folder {
    /// What each is.
    pub cids: Cids,
    /// Its path below the folder.
    pub paths: Names,
    /// Its bytes, or a little more where they lie in several blocks.
    pub sizes: Vec<u64>,
}

struct Found {
    path: String,
    cid: Cid,
    size: u64,
}

impl Folder {
    /// Lists all files below a folder. Hidden ones, whose names or folders begin with a dot,
    /// and symbolic links are left out.
    pub fn list(
        source: &impl BlockSource,
        root: &Cid,
        control: &Control,
    ) -> Result<Self, UnixFsError> {
        let (mut files, mut folders) = (Vec::new(), vec![(String::new(), *root, 0)]);
        while let Some((prefix, cid, depth)) = folders.pop() {
            if depth >= MAX_DEPTH {
                let what = "depth of folders";
                return Err(UnixFsError::Limit { what, limit: MAX_DEPTH as u64 });
            }
            // What may be a file or a folder: its block says which.
            let mut unclear = Vec::new();
            for entry in entries(source, &cid)? {
                let entry = entry?;
                if control.is_cancelled() {
                    return Err(UnixFsError::Cancelled);
                }
                if entry.name.starts_with('.') {
                    continue;
                }
                let found = Found {
                    path: format!("{prefix}{}", entry.name),
                    cid: entry.cid,
                    size: entry.tsize,
                };
                match found.cid.codec() {
                    codec::DAG_PB => unclear.push(found),
                    _ => files.push(found),
                }
            }
            let before = folders.len();
            for some in unclear.chunks(MOST_AT_ONCE) {
                look(source, some, depth, &mut files, &mut folders)?;
            }
            // The first comes next, so that most files are in their order already.
            folders[before..].reverse();
        }
        // A sharded folder names its files in the order of hashes; others are in rows.
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let mut folder = Self::default();
        for file in files {
            folder.cids.push(&file.cid);
            folder.paths.push(&file.path);
            folder.sizes.push(file.size);
        }
        Ok(folder)
    }
}

fn look(
    source: &impl BlockSource,
    some: &[Found],
    depth: usize,
    files: &mut Vec<Found>,
    folders: &mut Vec<(String, Cid, usize)>,
) -> Result<(), UnixFsError> {
    let cids: Vec<Cid> = some.iter().map(|found| found.cid).collect();
    for (found, block) in some.iter().zip(source.get_many(&cids)?) {
        let Found { path, cid, size } = found;
        let block: Bytes = block.ok_or_else(|| DagError::Missing(Box::new(*cid)))?;
        match Node::decode(cid, block)?.kind() {
            NodeKind::Directory | NodeKind::HamtShard => {
                folders.push((format!("{path}/"), *cid, depth + 1));
            }
            NodeKind::Raw | NodeKind::File => {
                files.push(Found { path: path.clone(), cid: *cid, size: *size });
            }
            NodeKind::Symlink | NodeKind::Metadata => {}
        }
    }
    Ok(())
}
