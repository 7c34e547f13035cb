//! What lies where in a tar archive: its heads are read, the data of its members is not.
//!
//! Why no crate does this: those there are begin at the start of an archive and hold what they
//! read of it, where this stops behind any member and goes on later, and is bounded in what it
//! reads of an archive that someone else made. What Python's `tarfile` reads is read the same.

mod error;
mod head;
mod records;
mod window;

use std::ops::Range;

use bytes::Bytes;
use ipfs_kit_dag::BlockSource;
use ipfs_kit_unixfs::read::File;

pub use error::TarError;
use head::{BLOCK, Head, text};
use records::Records;
use window::Window;

/// Bytes of a name, or of what else is said before a member.
const MOST_SAID: u64 = 1 << 20;
/// Heads that stand before one member.
const MOST_BEFORE: u64 = 64;
/// Blocks of the map of one sparse member.
const MOST_MAP_BLOCKS: u64 = 1 << 16;
/// Members of an archive.
const MOST_MEMBERS: u64 = 1 << 28;
/// Bytes of names in a stretch: one that is said of all members is copied for each.
const MOST_NAMES: usize = 1 << 20;
/// A member so long ends a stretch: who reads ahead is not to read what is passed over.
const MOST_PASSED: u64 = 1 << 20;

/// A regular file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its whole path; mostly UTF-8.
    pub name: Vec<u8>,
    /// Where its bytes lie in the archive.
    pub place: Range<u64>,
}

/// Members that follow one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The regular files among them; those that are sparse are none.
    pub members: Vec<Member>,
    /// From the first head to the end of the last, in the archive.
    pub heads: Range<u64>,
}

/// A walk through an archive, from head to head.
///
/// It holds no file and no source: each step names them, so that it can be kept anywhere
/// between two of them.
#[derive(Debug, Clone, Default)]
pub struct Tar {
    at: u64,
    count: u64,
    /// What was said of all that follow.
    of_all: Records,
    has_ended: bool,
}

/// Anything in an archive, with the heads that belong to it.
struct Entry {
    member: Option<Member>,
    data: u64,
    next: u64,
}

impl Tar {
    /// Walks over about so many bytes of the archive, one member at least; `None` behind the
    /// last one.
    pub fn next<S: BlockSource>(
        &mut self,
        file: &File,
        source: &S,
        most_bytes: u64,
    ) -> Result<Option<Stretch>, TarError> {
        if self.has_ended {
            return Ok(None);
        }
        let (start, mut window) = (self.at, Window::new(file, source, self.at));
        let mut stretch = Stretch { members: Vec::new(), heads: start..start };
        let mut names = 0;
        loop {
            let Some(entry) = self.entry(&mut window)? else {
                self.has_ended = true;
                break;
            };
            self.at = entry.next;
            stretch.heads.end = entry.data;
            names += entry.member.as_ref().map_or(0, |member| member.name.len());
            stretch.members.extend(entry.member);
            let is_long = entry.next - entry.data > MOST_PASSED || names > MOST_NAMES;
            if is_long || entry.next - start >= most_bytes {
                break;
            }
        }
        Ok(Some(stretch))
    }

    /// Reads the heads of what comes next; `None` at the end.
    fn entry<S: BlockSource>(
        &mut self,
        window: &mut Window<'_, S>,
    ) -> Result<Option<Entry>, TarError> {
        let (mut at, mut said, mut is_said) = (self.at, Records::default(), false);
        for _ in 0..MOST_BEFORE {
            let block = head_block(window, at)?;
            if block.as_ref().is_none_or(|block| block.iter().all(|&byte| byte == 0)) {
                // Nothing at all is an end too, but no archive; and no end is spoken of.
                let is_end = !is_said && (at > 0 || block.is_some());
                return if is_end { Ok(None) } else { Err(TarError::CutOff { at }) };
            }
            let block = block.unwrap_or_default();
            let head = Head::new(&block).ok_or(TarError::NoHead { at })?;
            let behind = at + BLOCK;
            match head.kind() {
                b'L' => {
                    let body = body(window, at, &head)?;
                    let name = Some(text(&body).to_vec());
                    said.or(Records { name, ..Records::default() });
                }
                b'K' => {}
                b'x' | b'X' => said.or(records(window, at, &head)?),
                b'g' => {
                    let mut of_all = records(window, at, &head)?;
                    of_all.or(std::mem::take(&mut self.of_all));
                    self.of_all = of_all;
                }
                _ => {
                    said.or(self.of_all.clone());
                    self.count += 1;
                    if self.count > MOST_MEMBERS {
                        return Err(too_many("number of members", MOST_MEMBERS));
                    }
                    return member(window, at, &head, said).map(Some);
                }
            }
            is_said |= head.kind() != b'g';
            let size = head.size().ok_or_else(|| no_size(at))?;
            at = end_of(window, behind, size).ok_or(TarError::CutOff { at })?;
        }
        Err(too_many("number of heads before a member", MOST_BEFORE))
    }
}

/// The block at a place; `None` where the file ends.
fn head_block<S: BlockSource>(
    window: &mut Window<'_, S>,
    at: u64,
) -> Result<Option<Bytes>, TarError> {
    if at == window.size() {
        return Ok(None);
    }
    let end = at.checked_add(BLOCK).filter(|&end| end <= window.size());
    let end = end.ok_or(TarError::CutOff { at })?;
    Ok(Some(window.bytes(at..end)?))
}

/// What a head says that is not the member's own.
fn body<S: BlockSource>(
    window: &mut Window<'_, S>,
    at: u64,
    head: &Head<'_>,
) -> Result<Bytes, TarError> {
    let size = head.size().ok_or_else(|| no_size(at))?;
    let start = at + BLOCK;
    end_of(window, start, size).ok_or(TarError::CutOff { at })?;
    if size > MOST_SAID {
        return Err(too_many("length of a head", MOST_SAID));
    }
    Ok(window.bytes(start..start + size)?)
}

fn records<S: BlockSource>(
    window: &mut Window<'_, S>,
    at: u64,
    head: &Head<'_>,
) -> Result<Records, TarError> {
    let body = body(window, at, head)?;
    let what = "malformed pax records";
    Records::of_pax(&body).ok_or(TarError::Malformed { at, what })
}

/// Reads a member's own head, and passes over its data.
fn member<S: BlockSource>(
    window: &mut Window<'_, S>,
    at: u64,
    head: &Head<'_>,
    said: Records,
) -> Result<Entry, TarError> {
    let kind = head.kind();
    let mut data = at + BLOCK;
    if kind == b'S' {
        data = behind_map(window, head, data)?;
    }
    // Links, devices and folders have no data, whatever their size says.
    if matches!(kind, b'1'..=b'6') {
        return Ok(Entry { member: None, data, next: data });
    }
    let name = said.name.unwrap_or_else(|| head.name());
    let size = said.size.or_else(|| head.size()).ok_or_else(|| no_size(at))?;
    let next = end_of(window, data, size).ok_or_else(|| {
        let name = String::from_utf8_lossy(&name).into_owned();
        TarError::NotWhole { name }
    })?;
    let is_regular = matches!(kind, 0 | b'0' | b'7') && !said.is_sparse;
    let member = is_regular.then(|| Member { name, place: data..data + size });
    Ok(Entry { member, data, next })
}

/// Where the map of a sparse member ends.
fn behind_map<S: BlockSource>(
    window: &mut Window<'_, S>,
    head: &Head<'_>,
    mut at: u64,
) -> Result<u64, TarError> {
    let mut goes_on = head.goes_on();
    for _ in 0..MOST_MAP_BLOCKS {
        if !goes_on {
            return Ok(at);
        }
        let block = head_block(window, at)?.ok_or(TarError::CutOff { at })?;
        goes_on = head::goes_on(&block);
        at += BLOCK;
    }
    Err(too_many("number of blocks of a sparse member's map", MOST_MAP_BLOCKS))
}

/// Where the next head is, behind so many bytes; `None` if the file ends before.
fn end_of<S: BlockSource>(window: &Window<'_, S>, start: u64, size: u64) -> Option<u64> {
    let end = start.checked_add(size.checked_next_multiple_of(BLOCK)?)?;
    (end <= window.size()).then_some(end)
}

fn no_size(at: u64) -> TarError {
    TarError::Malformed { at, what: "a size that is no number" }
}

fn too_many(what: &'static str, limit: u64) -> TarError {
    TarError::Limit { what, limit }
}
