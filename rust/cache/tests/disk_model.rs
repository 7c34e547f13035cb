//! Any run of calls, reopenings and simulated crashes, against a naive model: what is got is
//! what was put, or nothing.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use ipfs_kit_cache::disk::{
    DiskCache, DiskOptions, EntryName, LEAST_LIMIT_BYTES, Trust, VerifyReads,
};
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_hash::{Code, Hasher};
use proptest::prelude::*;
use proptest::sample::Index;

const HANDLES: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    Put {
        handle: usize,
        seed: u8,
    },
    Get {
        handle: usize,
        seed: u8,
    },
    PutKey {
        handle: usize,
        key: u8,
        seed: u8,
    },
    GetKey {
        handle: usize,
        key: u8,
    },
    Remove {
        handle: usize,
        seed: u8,
    },
    RemoveKey {
        handle: usize,
        key: u8,
    },
    Clear {
        handle: usize,
    },
    Close {
        handle: usize,
    },
    Entries {
        handle: usize,
    },
    /// All handles end; then something happens to a file.
    Crash {
        harm: Harm,
        file: Index,
        place: Index,
    },
}

#[derive(Clone, Copy, Debug)]
enum Harm {
    None,
    Cut,
    Flip,
    Delete,
    Zeros,
    /// Bytes of a torn write behind the end.
    Tail,
}

fn step() -> impl Strategy<Value = Step> {
    let handle = || 0..HANDLES;
    let seed = || 0..40_u8;
    let key = || 0..8_u8;
    let harm = prop::sample::select(vec![
        Harm::None,
        Harm::Cut,
        Harm::Flip,
        Harm::Delete,
        Harm::Zeros,
        Harm::Tail,
    ]);
    prop_oneof![
        12 => (handle(), seed()).prop_map(|(handle, seed)| Step::Put { handle, seed }),
        8 => (handle(), seed()).prop_map(|(handle, seed)| Step::Get { handle, seed }),
        6 => (handle(), key(), seed())
            .prop_map(|(handle, key, seed)| Step::PutKey { handle, key, seed }),
        6 => (handle(), key()).prop_map(|(handle, key)| Step::GetKey { handle, key }),
        2 => (handle(), seed()).prop_map(|(handle, seed)| Step::Remove { handle, seed }),
        2 => (handle(), key()).prop_map(|(handle, key)| Step::RemoveKey { handle, key }),
        1 => handle().prop_map(|handle| Step::Clear { handle }),
        2 => handle().prop_map(|handle| Step::Close { handle }),
        1 => handle().prop_map(|handle| Step::Entries { handle }),
        3 => (harm, any::<Index>(), any::<Index>())
            .prop_map(|(harm, file, place)| Step::Crash { harm, file, place }),
    ]
}

/// A block of up to 40 KiB, so that a few dozen fill the smallest cache.
fn block(seed: u8) -> (Cid, Vec<u8>) {
    let bytes = usize::from(seed) * usize::from(seed) * 25;
    let data: Vec<u8> = (0..bytes)
        .map(|at| seed.wrapping_mul(31).wrapping_add(at.to_le_bytes()[0]))
        .collect();
    (Cid::new_v1(codec::RAW, Hasher::new(Code::Sha2_256).hash(&data).unwrap()), data)
}

struct System {
    folder: PathBuf,
    options: DiskOptions,
    handles: Vec<DiskCache>,
    /// Blocks that were put and not removed.
    blocks: HashSet<u8>,
    /// What each key may stand for: after a crash that lost the latest, an older value that
    /// still lies there may come back.
    keys: HashMap<u8, Vec<u8>>,
    harmed: bool,
    evicted: bool,
    views: Vec<(u8, bytes::Bytes)>,
}

impl System {
    fn new(place: &Path, options: DiskOptions) -> Self {
        let mut system = Self {
            folder: place.join("cache"),
            options,
            handles: Vec::new(),
            blocks: HashSet::new(),
            keys: HashMap::new(),
            harmed: false,
            evicted: false,
            views: Vec::new(),
        };
        system.reopen();
        system
    }

    fn reopen(&mut self) {
        self.handles.clear();
        for _ in 0..HANDLES {
            let opened = DiskCache::open(&self.folder, LEAST_LIMIT_BYTES, self.options);
            self.handles.push(opened.unwrap());
        }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Put { handle, seed } => {
                let (cid, data) = block(seed);
                assert!(self.handles[handle].put(&cid, &data, Trust::Unverified));
                self.blocks.insert(seed);
            }
            Step::Get { handle, seed } => {
                let (cid, data) = block(seed);
                let found = self.handles[handle].get(cid.hash());
                if let Some(found) = &found {
                    assert_eq!(found, &data);
                    assert!(self.blocks.contains(&seed) || self.harmed);
                    self.views.push((seed, found.clone()));
                } else if self.blocks.contains(&seed) {
                    assert!(self.harmed || self.evicted, "{seed} is lost");
                }
            }
            Step::PutKey { handle, key, seed } => {
                let (_, data) = block(seed);
                assert!(self.handles[handle].put_key(&[key], &data, &[seed]));
                self.keys.entry(key).or_default().push(seed);
            }
            Step::GetKey { handle, key } => {
                let put = self.keys.get(&key).map(Vec::as_slice).unwrap_or_default();
                let found = self.handles[handle].get_key(&[key]);
                let metadata = self.handles[handle].metadata(&[key]);
                match (&found, put.last()) {
                    (Some(found), Some(_)) if self.harmed => {
                        assert!(put.iter().any(|seed| block(*seed).1 == *found));
                    }
                    (Some(found), Some(last)) => {
                        assert_eq!(found, &block(*last).1);
                        assert_eq!(metadata, Some(vec![*last]));
                    }
                    (Some(_), None) => unreachable!("a key that was not put"),
                    (None, Some(_)) => assert!(self.harmed || self.evicted),
                    (None, None) => {}
                }
            }
            Step::Remove { handle, seed } => {
                self.handles[handle].remove(block(seed).0.hash());
                self.blocks.remove(&seed);
                assert!(!self.handles[1 - handle].contains(block(seed).0.hash()));
            }
            Step::RemoveKey { handle, key } => {
                self.handles[handle].remove_key(&[key]);
                if !self.harmed {
                    self.keys.remove(&key);
                }
                assert!(!self.handles[1 - handle].contains_key(&[key]));
            }
            Step::Clear { handle } => {
                assert!(self.handles[handle].clear());
                self.blocks.clear();
                self.keys.clear();
            }
            Step::Close { handle } => self.handles[handle].close(),
            Step::Entries { handle } => {
                for entry in self.handles[handle].entries() {
                    if let EntryName::Key(key) = entry.name {
                        assert!(self.keys.contains_key(&key[0]));
                    }
                }
            }
            Step::Crash { harm, file, place } => {
                // A process that is killed has no time to tidy up either: see processes.rs.
                self.handles.clear();
                self.harm(harm, file, place);
                self.reopen();
            }
        }
        let stats = self.handles[0].stats();
        assert!(stats.allocated_bytes <= LEAST_LIMIT_BYTES, "{stats:?}");
        assert!(stats.state.takes(), "{stats:?}");
        self.evicted |= self.handles.iter().any(|one| one.stats().evicted_segments > 0);
        for (seed, view) in &self.views {
            assert_eq!(view, &block(*seed).1, "a view changed");
        }
    }

    fn harm(&mut self, harm: Harm, file: Index, place: Index) {
        // A file that is cut under a map cannot be read any more: nobody has one now.
        self.views.clear();
        let mut paths: Vec<_> = fs::read_dir(&self.folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .collect();
        paths.sort();
        let path = &paths[file.index(paths.len())];
        let mut bytes = fs::read(path).unwrap();
        let at = place.index(bytes.len().max(1));
        let (from, to) = (at.min(bytes.len()), (at + 5000).min(bytes.len()));
        match harm {
            Harm::None => return,
            Harm::Cut => bytes.truncate(at),
            Harm::Flip if bytes.is_empty() => return,
            Harm::Flip => bytes[at] ^= 1 << (at % 8),
            Harm::Zeros => bytes[from..to].fill(0),
            Harm::Tail => bytes.extend_from_slice(&[0x7f; 3000]),
            Harm::Delete => {
                fs::remove_file(path).unwrap();
                self.harmed = true;
                return;
            }
        }
        self.harmed = true;
        fs::write(path, bytes).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_got_is_what_was_put_or_nothing(
        steps in prop::collection::vec(step(), 1..120),
        always in any::<bool>(),
    ) {
        let verify = if always { VerifyReads::Always } else { VerifyReads::First };
        let place = tempfile::tempdir().unwrap();
        let options = DiskOptions::new().with_verify(verify);
        let mut system = System::new(place.path(), options);
        for step in &steps {
            system.run(step);
        }
    }
}
