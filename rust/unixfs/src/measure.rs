//! How much a DAG unpacks to, found before anything is written.
//!
//! Each folder is read once however often it is linked, so that a few blocks which stand for
//! millions of files, or are deeper than any stack, are refused at once.

use std::collections::HashMap;

use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::BlockSource;

use crate::read::{Child, MAX_DEPTH, Node, Part, children, load, too_deep};
use crate::{Control, ExtractLimits, NodeKind, UnixFsError};

/// What a folder, or a part of one, holds.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    /// Files, folders and links below it.
    entries: u64,
    /// Bytes of files below it, as far as their nodes say; those of raw leaves are not asked.
    bytes: u64,
    /// Blocks from it down to the deepest.
    height: usize,
}

/// A block whose children are being looked at.
struct Open {
    cid: Option<Cid>,
    children: Vec<Child>,
    totals: Totals,
}

/// Fails if the roots and what is below are more than is allowed, or too deep.
pub(crate) fn measure<S: BlockSource>(
    source: &S,
    roots: &[Cid],
    limits: &ExtractLimits,
    control: &Control,
) -> Result<(), UnixFsError> {
    let mut known = HashMap::new();
    let name = || Some(String::new());
    let child = |cid: &Cid| Child { cid: *cid, name: name(), tsize: 0, slot: None };
    let children = roots.iter().map(child).collect();
    let mut open = vec![Open { cid: None, children, totals: Totals::default() }];
    while let Some(mut above) = open.pop() {
        let Some(child) = above.children.pop() else {
            if let (Some(cid), Some(parent)) = (above.cid, open.last_mut()) {
                known.insert(cid, above.totals);
                parent.add(above.totals, limits)?;
            }
            continue;
        };
        if control.is_cancelled() {
            return Err(UnixFsError::Cancelled);
        }
        let is_entry = child.name.is_some();
        above.totals.entries += u64::from(is_entry);
        let found = match known.get(&child.cid) {
            Some(totals) => Found::Totals(*totals),
            None => look(source, &child)?,
        };
        let depth = open.len();
        open.push(above);
        match found {
            Found::Totals(totals) if depth + totals.height > MAX_DEPTH => {
                return Err(too_deep());
            }
            Found::Totals(totals) => {
                if let Some(above) = open.last_mut() {
                    above.add(totals, limits)?;
                }
            }
            Found::Children(_) if depth > MAX_DEPTH => return Err(too_deep()),
            Found::Children(children) if children.is_empty() && !is_entry => {
                return Err(UnixFsError::Node { reason: "a shard without entries" });
            }
            Found::Children(children) => {
                let (cid, totals) = (Some(child.cid), Totals::default());
                open.push(Open { cid, children, totals });
            }
        }
    }
    Ok(())
}

enum Found {
    Totals(Totals),
    Children(Vec<Child>),
}

fn look<S: BlockSource>(source: &S, child: &Child) -> Result<Found, UnixFsError> {
    if child.cid.codec() == codec::RAW {
        return Ok(Found::Totals(Totals::default()));
    }
    let block = load(source, &child.cid)?;
    let part = Part::decode(child.cid.codec(), block.clone())?;
    if part.is_file() {
        return Ok(Found::Totals(Totals { bytes: part.size(), ..Totals::default() }));
    }
    match Node::decode(&child.cid, block)? {
        Node::Pb(node, message)
            if matches!(message.kind, NodeKind::Directory | NodeKind::HamtShard) =>
        {
            Ok(Found::Children(children(&node, &message, child.part_width())?))
        }
        // Links have no bytes; what else there is comes to light when it is made.
        _ => Ok(Found::Totals(Totals::default())),
    }
}

impl Open {
    fn add(&mut self, below: Totals, limits: &ExtractLimits) -> Result<(), UnixFsError> {
        let totals = &mut self.totals;
        totals.entries = totals.entries.saturating_add(below.entries);
        totals.bytes = totals.bytes.saturating_add(below.bytes);
        totals.height = totals.height.max(below.height + 1);
        limits.check(totals.entries, totals.bytes)
    }
}
