//! Entries in a slab, each in one of five lists that are threaded through it.

/// The list that an entry is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Values that were asked for once lately.
    T1,
    /// Values that were asked for again.
    T2,
    /// Values that stay whatever is asked for.
    Pinned,
    /// Keys evicted from T1.
    B1,
    /// Keys evicted from T2.
    B2,
}

impl Place {
    pub(crate) const ALL: [Self; 5] =
        [Self::T1, Self::T2, Self::Pinned, Self::B1, Self::B2];

    /// Whether entries there have values.
    pub const fn is_resident(self) -> bool {
        matches!(self, Self::T1 | Self::T2 | Self::Pinned)
    }
}

/// No entry.
pub(crate) const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Node<K, V> {
    pub(crate) key: K,
    /// `None` in ghosts.
    pub(crate) value: Option<V>,
    pub(crate) size: u64,
    pub(crate) place: Place,
    /// Toward the most recent.
    newer: u32,
    /// Toward the least recent.
    older: u32,
}

/// The ends and sums of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    pub(crate) newest: u32,
    pub(crate) oldest: u32,
    pub(crate) bytes: u64,
    pub(crate) len: usize,
}

impl List {
    const EMPTY: Self = Self { newest: NONE, oldest: NONE, bytes: 0, len: 0 };
}

/// See above.
#[derive(Debug)]
pub(crate) struct Nodes<K, V> {
    slab: Vec<Option<Node<K, V>>>,
    free: Vec<u32>,
    lists: [List; 5],
}

impl<K, V> Nodes<K, V> {
    pub(crate) const fn new() -> Self {
        Self { slab: Vec::new(), free: Vec::new(), lists: [List::EMPTY; 5] }
    }

    pub(crate) fn list(&self, place: Place) -> List {
        self.lists[place as usize]
    }

    pub(crate) fn bytes(&self, place: Place) -> u64 {
        self.lists[place as usize].bytes
    }

    pub(crate) fn get(&self, at: u32) -> Option<&Node<K, V>> {
        self.slab.get(at as usize).and_then(Option::as_ref)
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut Node<K, V>> {
        self.slab.get_mut(at as usize).and_then(Option::as_mut)
    }

    /// A new entry at the newer end of a list; `None` if four thousand million are there.
    pub(crate) fn insert(
        &mut self,
        key: K,
        value: V,
        size: u64,
        place: Place,
    ) -> Option<u32> {
        let at = match self.free.pop() {
            Some(at) => at,
            None => u32::try_from(self.slab.len()).ok().filter(|&at| at != NONE)?,
        };
        let value = Some(value);
        let node = Node { key, value, size, place, newer: NONE, older: NONE };
        if at as usize == self.slab.len() {
            self.slab.push(Some(node));
        } else {
            self.slab[at as usize] = Some(node);
        }
        self.link_newest(at, place);
        Some(at)
    }

    /// Takes an entry out of its list and the slab.
    pub(crate) fn remove(&mut self, at: u32) -> Option<Node<K, V>> {
        self.unlink(at);
        let node = self.slab.get_mut(at as usize).and_then(Option::take)?;
        self.free.push(at);
        Some(node)
    }

    /// Moves an entry to the newer end of a list.
    pub(crate) fn move_to(&mut self, at: u32, place: Place) {
        self.unlink(at);
        self.link_newest(at, place);
    }

    /// Moves an entry to the older end of a list.
    pub(crate) fn move_to_oldest(&mut self, at: u32, place: Place) {
        self.unlink(at);
        let oldest = self.lists[place as usize].oldest;
        let Some(node) = self.get_mut(at) else { return };
        (node.newer, node.older, node.place) = (oldest, NONE, place);
        let size = node.size;
        if let Some(other) = self.get_mut(oldest) {
            other.older = at;
        }
        let list = &mut self.lists[place as usize];
        list.oldest = at;
        if list.newest == NONE {
            list.newest = at;
        }
        list.bytes += size;
        list.len += 1;
    }

    /// Moves an entry to the newer end of the list that it is in; gives it.
    pub(crate) fn renew(&mut self, at: u32) -> Option<&Node<K, V>> {
        let node = self.get(at)?;
        let (newer, older, place) = (node.newer, node.older, node.place);
        // The newest has nobody beside it, and one that is in no list itself.
        if newer != NONE && newer != at {
            if let Some(other) = self.get_mut(newer) {
                other.older = older;
            }
            match self.get_mut(older) {
                Some(other) => other.newer = newer,
                None => self.lists[place as usize].oldest = newer,
            }
            let newest = std::mem::replace(&mut self.lists[place as usize].newest, at);
            if let Some(other) = self.get_mut(newest) {
                other.newer = at;
            }
            let node = self.get_mut(at)?;
            (node.newer, node.older) = (NONE, newest);
        }
        self.get(at)
    }

    fn link_newest(&mut self, at: u32, place: Place) {
        let newest = self.lists[place as usize].newest;
        let Some(node) = self.get_mut(at) else { return };
        (node.newer, node.older, node.place) = (NONE, newest, place);
        let size = node.size;
        if let Some(other) = self.get_mut(newest) {
            other.newer = at;
        }
        let list = &mut self.lists[place as usize];
        list.newest = at;
        if list.oldest == NONE {
            list.oldest = at;
        }
        list.bytes += size;
        list.len += 1;
    }

    /// Takes an entry out of its list; it must be linked again, or removed.
    pub(crate) fn unlink(&mut self, at: u32) {
        let Some(node) = self.get(at) else { return };
        let (newer, older, place, size) = (node.newer, node.older, node.place, node.size);
        if newer == at {
            return; // unlinked already
        }
        if let Some(other) = self.get_mut(newer) {
            other.older = older;
        }
        if let Some(other) = self.get_mut(older) {
            other.newer = newer;
        }
        let list = &mut self.lists[place as usize];
        if list.newest == at {
            list.newest = older;
        }
        if list.oldest == at {
            list.oldest = newer;
        }
        list.bytes -= size;
        list.len -= 1;
        if let Some(node) = self.get_mut(at) {
            // An entry is never beside itself: this says that it is in no list.
            (node.newer, node.older) = (at, at);
        }
    }

    /// The entries of a list, the newest first.
    pub(crate) fn iter(&self, place: Place) -> impl Iterator<Item = &Node<K, V>> {
        let mut at = self.lists[place as usize].newest;
        std::iter::from_fn(move || {
            let node = self.get(at)?;
            at = node.older;
            Some(node)
        })
    }
}
