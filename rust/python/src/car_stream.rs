//! A CAR of a file, folder or bytes as it is made, for whoever sends it on.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ipfs_kit_car::Writer;
use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSink, DagError};
use ipfs_kit_hash::Multihash;
use ipfs_kit_unixfs::{Control, Importer, Params, UnixFsError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::chain::bytes_of;
use crate::cid::CID;
use crate::errors::{Outcome, car_failure};
use crate::repo_dag::Pieces;
use crate::stream::{Out, Report, Stream};
use crate::text::{file_path, text};
use crate::{params, running};

/// What is imported.
enum Source {
    Path(PathBuf),
    Bytes(Bytes),
}

/// Iterate over the bytes of a CAR with the blocks of a file, folder or buffer.
///
/// Its root stands in front, so it must be known: hash the source first. One that turns out
/// to have another root has changed meanwhile, which is an error at the end. The report is
/// [files, bytes of files, blocks, bytes of blocks].
#[pyfunction]
pub(crate) fn car_stream(
    source: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = text)] profile: &str,
    threads: Option<&Bound<'_, PyAny>>,
    params: &Bound<'_, PyDict>,
    root: PyRef<'_, CID>,
) -> Outcome<Stream> {
    let params = params::settle(profile, Some(params))?;
    let threads = running::threads(threads)?;
    let source = if source.is_instance_of::<PyString>() {
        Source::Path(file_path(source)?)
    } else {
        Source::Bytes(bytes_of(source)?)
    };
    let root = root.0;
    Ok(Stream::start(move |control, out| {
        import(&source, &params, threads, root, control, out)
    }))
}

fn import(
    source: &Source,
    params: &Params,
    threads: usize,
    root: Cid,
    control: &Control,
    out: &mut Out,
) -> Outcome<Report> {
    let failed = |error| car_failure(error, Path::new(""));
    let mut pieces = Pieces::new(out);
    let writer = Writer::new(&mut pieces, &[root]).map_err(failed)?;
    let mut sink = Once { writer, seen: HashSet::new(), blocks: 0, bytes: 0 };
    let import = Importer::new(params, threads, control);
    let done = match source {
        Source::Path(path) => import.path(path, false, Some(&mut sink)),
        Source::Bytes(bytes) => import.reader(&bytes[..], None, Some(&mut sink)),
    };
    let report = vec![control.files(), control.bytes(), sink.blocks, sink.bytes];
    drop(sink);
    // That nobody listens any more says more than what follows from it.
    pieces.finish()?;
    if done?.cid != root {
        let path = match source {
            Source::Path(path) => path.clone(),
            Source::Bytes(_) => PathBuf::new(),
        };
        let detail = "it was hashed before it was read again";
        return Err(UnixFsError::Changed { path, detail }.into());
    }
    Ok(report)
}

/// Writes each block once; many files share chunks.
struct Once<W: Write> {
    writer: Writer<W>,
    seen: HashSet<Multihash>,
    blocks: u64,
    bytes: u64,
}

impl<W: Write> BlockSink for Once<W> {
    fn put(&mut self, cid: &Cid, data: &[u8]) -> Result<(), DagError> {
        if self.seen.insert(*cid.hash()) {
            self.writer
                .put(cid, data)
                .map_err(|error| DagError::Store(Box::new(error)))?;
            self.blocks += 1;
            self.bytes += data.len() as u64;
        }
        Ok(())
    }
}
