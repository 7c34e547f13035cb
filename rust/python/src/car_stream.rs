//! A CAR of a file, folder, buffer or reader as it is made, for whoever sends it on.

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use ipfs_kit_car::{CarError, Writer};
use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSink, DagError};
use ipfs_kit_hash::Multihash;
use ipfs_kit_unixfs::{Control, Imported, Importer, Params};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::buffers::to_vec;
use crate::chain::Given;
use crate::errors::{Outcome, car_failure};
use crate::lent::Lent;
use crate::params;
use crate::repo_dag::{PIECE_BYTES, Pieces};
use crate::running::{self, Desk, READ_BYTES};
use crate::stream::{Item, Out, Report, Stream};
use crate::text::{file_path, text};

/// What is imported.
enum Source {
    Path(PathBuf),
    Bytes(Lent<Given>),
    /// The method `read` of a Python object.
    Reader(Lent<Py<PyAny>>),
}

/// Iterate over the bytes of a CAR with the blocks of a file, folder, buffer or reader.
///
/// The first item is a header that names no root, for that is known only at the end: the
/// last item is (CID, tsize, entries). Those between hold whole blocks each, so that they may
/// go several ways. The report is [files, bytes of files, blocks, bytes of blocks].
#[pyfunction]
pub(crate) fn car_stream(
    source: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = text)] profile: &str,
    threads: Option<&Bound<'_, PyAny>>,
    progress: Option<Py<PyAny>>,
    params: &Bound<'_, PyDict>,
    entries: bool,
) -> Outcome<Stream> {
    let params = params::settle(profile, Some(params))?;
    let threads = running::threads(threads)?;
    let source = if source.is_instance_of::<PyString>() {
        Source::Path(file_path(source)?)
    } else if source.hasattr("read")? {
        Source::Reader(Lent::new(source.getattr("read")?.unbind()))
    } else {
        Source::Bytes(Lent::new(Given::new(source)?))
    };
    let started = Stream::start(move |control, out| {
        let (done, report) = import(source, &params, threads, entries, control, out)?;
        out.put(Item::Imported(done))?;
        Ok(report)
    });
    Ok(started.telling(progress))
}

fn import(
    source: Source,
    params: &Params,
    threads: usize,
    entries: bool,
    control: &Control,
    out: &mut Out,
) -> Outcome<(Imported, Report)> {
    let desk = out.desk();
    let path = match &source {
        Source::Path(path) => path.clone(),
        _ => PathBuf::new(),
    };
    let failed = |error: CarError| car_failure(error, &path);
    let mut pieces = Pieces::cut_by_flushing(out);
    let mut writer = Writer::new(&mut pieces, &[]).map_err(failed)?;
    writer.flush().map_err(failed)?;
    let mut sink = Once { writer, seen: HashSet::new(), blocks: 0, bytes: 0, cut: 0 };
    let done = gather(
        source,
        &Importer::new(params, threads, control),
        entries,
        desk,
        &mut sink,
    );
    let report = vec![control.files(), control.bytes(), sink.blocks, sink.bytes];
    // What could not be written in the end, the pieces know.
    drop(sink);
    pieces.finish()?;
    Ok((done?, report))
}

fn gather(
    source: Source,
    importer: &Importer<'_>,
    entries: bool,
    desk: Desk,
    sink: &mut (dyn BlockSink + Send),
) -> Outcome<Imported> {
    Ok(match source {
        Source::Path(path) => importer.path(&path, entries, Some(sink))?,
        Source::Bytes(bytes) => {
            let bytes = bytes.get().map_or(&[][..], AsRef::as_ref);
            importer.reader(bytes, None, Some(sink))?
        }
        Source::Reader(read) => {
            let mut asked = Asked { read, desk, piece: Vec::new(), at: 0, failed: None };
            let done = importer.reader(&mut asked, None, Some(sink));
            if let Some(error) = asked.failed {
                return Err(error.into());
            }
            done?
        }
    })
}

/// What a Python object gives when the thread that iterates reads from it.
struct Asked {
    read: Lent<Py<PyAny>>,
    desk: Desk,
    piece: Vec<u8>,
    at: usize,
    failed: Option<PyErr>,
}

impl Read for Asked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            let read = |py: Python<'_>| self.read.get().map(|it| it.clone_ref(py));
            // There is none while the interpreter ends, and nobody who waits for the rest.
            let Some(read) = Python::try_attach(read).flatten() else {
                return Err(io::ErrorKind::BrokenPipe.into());
            };
            let asked = self.desk.on_caller(move |py| {
                to_vec(read.bind(py).call1((READ_BYTES,))?.as_any())
            });
            match asked {
                Ok(piece) => (self.piece, self.at) = (piece, 0),
                Err(error) => {
                    self.failed = Some(error);
                    return Err(io::ErrorKind::Other.into());
                }
            }
        }
        let rest = &self.piece[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

/// Writes each block once; many files share chunks.
struct Once<W: Write> {
    writer: Writer<W>,
    seen: HashSet<Multihash>,
    blocks: u64,
    bytes: u64,
    /// Where the last piece ended.
    cut: u64,
}

impl<W: Write> Once<W> {
    fn write(&mut self, cid: &Cid, data: &[u8]) -> Result<(), CarError> {
        self.writer.put(cid, data)?;
        self.blocks += 1;
        self.bytes += data.len() as u64;
        if self.bytes - self.cut >= PIECE_BYTES as u64 {
            self.cut = self.bytes;
            self.writer.flush()?;
        }
        Ok(())
    }
}

impl<W: Write> BlockSink for Once<W> {
    fn put(&mut self, cid: &Cid, data: &[u8]) -> Result<(), DagError> {
        if self.seen.insert(*cid.hash()) {
            self.write(cid, data).map_err(|error| DagError::Store(Box::new(error)))?;
        }
        Ok(())
    }
}
