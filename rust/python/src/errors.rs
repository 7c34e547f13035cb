//! The one place where a Rust error becomes a Python exception.
//!
//! Each variant of each crate's error has a class of `ipfs_kit_py.errors` and a stable code.
//! The matches are exhaustive on purpose: a new variant does not compile until it has both.

use std::io;
use std::path::Path;

use ipfs_kit_car::CarError;
use ipfs_kit_chunker::ChunkerError;
use ipfs_kit_cid::{Cid, CidError};
use ipfs_kit_dag::DagError;
use ipfs_kit_hash::HashError;
use ipfs_kit_hash::sha256::KernelError;
use ipfs_kit_ipns::IpnsError;
use ipfs_kit_loader::TarError;
use ipfs_kit_pack::PackError;
use ipfs_kit_repo::{RepoError, is_disk_full};
use ipfs_kit_unixfs::{ParamError, UnixFsError};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// A class of `ipfs_kit_py.errors` and the code its instance carries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    class: &'static str,
    code: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $class:literal, $code:literal;)*) => {
        $(const $name: Kind = Kind { class: $class, code: $code };)*
        /// Every code, for the test that compares them with `ipfs_kit_py.errors.ErrorCode`.
        const CODES: &[&str] = &[$($code),*];
    };
}

kinds! {
    INVALID_CID = "InvalidCIDError", "invalid-cid";
    INVALID_PARAMETER = "InvalidParameterError", "invalid-parameter";
    UNSUPPORTED_HASH = "UnsupportedHashError", "unsupported-hash";
    UNSUPPORTED_CODEC = "UnsupportedCodecError", "unsupported-codec";
    INVALID_MULTIADDR = "InvalidMultiaddrError", "invalid-multiaddr";
    INVALID_NAME = "InvalidNameError", "invalid-name";
    UNSUPPORTED_FILE = "UnsupportedFileError", "unsupported-file";
    FILE_CHANGED = "FileChangedError", "file-changed";
    PATH_NOT_FOUND = "PathNotFoundError", "path-not-found";
    PATH_EXISTS = "PathExistsError", "path-exists";
    ACCESS_DENIED = "AccessDeniedError", "access-denied";
    IS_A_DIRECTORY = "PathIsADirectoryError", "path-is-a-directory";
    NOT_A_DIRECTORY = "PathNotADirectoryError", "path-not-a-directory";
    FILE_IO = "FileIOError", "file-io";
    BLOCK_NOT_FOUND = "BlockNotFoundError", "block-not-found";
    INTEGRITY = "IntegrityError", "integrity";
    MALFORMED = "MalformedDataError", "malformed-data";
    UNSAFE_PATH = "UnsafePathError", "unsafe-path";
    LIMIT = "LimitExceededError", "limit-exceeded";
    DISK_FULL = "DiskFullError", "disk-full";
    NAMES_UNSUPPORTED = "NamesNotSupportedError", "names-not-supported";
    REPOSITORY_NOT_FOUND = "RepositoryNotFoundError", "repository-not-found";
    REPOSITORY_VERSION = "RepositoryVersionError", "repository-version";
    REPOSITORY_BUSY = "RepositoryBusyError", "repository-busy";
    REPOSITORY_READ_ONLY = "ReadOnlyRepositoryError", "repository-read-only";
    REPOSITORY_FULL = "RepositoryFullError", "repository-full";
    REPOSITORY_CLOSED = "RepositoryClosedError", "repository-closed";
    INDEX_DAMAGED = "IndexDamagedError", "index-damaged";
    PACK_LOST = "IndexDamagedError", "pack-lost";
    UNSAFE_FILE_SYSTEM = "UnsafeFileSystemError", "unsafe-file-system";
    FORKED = "ForkedError", "forked";
    NOT_PINNED = "NotPinnedError", "not-pinned";
    PIN_CONFLICT = "PinConflictError", "pin-conflict";
    BLOCK_IN_USE = "BlockInUseError", "block-in-use";
    CONFLICT = "ConflictError", "conflict";
    VANISHED = "ConflictError", "blocks-vanished";
    INVALID_KEY = "InvalidKeyError", "invalid-key";
    INVALID_RECORD = "InvalidRecordError", "invalid-record";
    KEY_NOT_FOUND = "KeyNotFoundError", "key-not-found";
    KEY_EXISTS = "KeyExistsError", "key-exists";
    NAME_NOT_FOUND = "NameNotFoundError", "name-not-found";
    CANCELLED = "CancelledError", "cancelled";
    INTERNAL = "InternalError", "internal";
}

/// List the codes that exceptions raised here can carry.
#[pyfunction]
pub(crate) fn error_codes() -> Vec<&'static str> {
    CODES.to_vec()
}

/// A Rust error on its way to Python.
pub(crate) struct Failure(PyErr);

pub(crate) type Outcome<T> = Result<T, Failure>;

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self(error)
    }
}

impl Failure {
    /// What `make` makes. A thread that fails while the interpreter ends is let in no
    /// more, and nobody is there to see why it failed.
    fn made(make: impl FnOnce(Python<'_>) -> PyErr) -> Self {
        let ended = || PyRuntimeError::new_err("the interpreter has ended");
        Self(Python::try_attach(make).unwrap_or_else(ended))
    }

    /// An exception with a message.
    fn new(kind: Kind, message: impl ToString) -> Self {
        let message = message.to_string();
        Self::made(|py| raise(py, kind, (message,)))
    }

    /// An exception about a file: a subclass of `OSError` with errno and file name.
    pub(crate) fn os(error: &io::Error, path: &Path) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => PATH_NOT_FOUND,
            io::ErrorKind::AlreadyExists => PATH_EXISTS,
            io::ErrorKind::PermissionDenied => ACCESS_DENIED,
            io::ErrorKind::IsADirectory => IS_A_DIRECTORY,
            io::ErrorKind::NotADirectory => NOT_A_DIRECTORY,
            _ if is_disk_full(error) => DISK_FULL,
            _ => FILE_IO,
        };
        // What carries no words of its own gets the system's.
        let plain =
            || error.get_ref().is_none().then(|| errno_of(error.kind())).flatten();
        let known = error.raw_os_error().or_else(plain);
        let errno = known.or_else(|| errno_of(error.kind())).unwrap_or(EIO);
        Self::made(|py| {
            let strerror = match known {
                Some(errno) => py
                    .import("os")
                    .and_then(|os| os.call_method1("strerror", (errno,)))
                    .and_then(|text| text.extract::<String>())
                    .unwrap_or_else(|_| error.to_string()),
                None => error.to_string(),
            };
            raise(py, kind, (errno, strerror, path.as_os_str().to_owned()))
        })
    }

    pub(crate) fn parameter(message: impl ToString) -> Self {
        Self::new(INVALID_PARAMETER, message)
    }

    /// An exception about a file that the system did not raise: errno and the words are ours.
    fn os_like(kind: Kind, errno: i32, message: impl ToString, path: &Path) -> Self {
        let message = message.to_string();
        let path = path.as_os_str();
        Self::made(|py| {
            if path.is_empty() {
                raise(py, kind, (errno, message))
            } else {
                raise(py, kind, (errno, message, path.to_owned()))
            }
        })
    }

    /// Whether it says that the disk has no room left.
    pub(crate) fn is_disk_full(&self) -> bool {
        Python::attach(|py| {
            let full = class(py, DISK_FULL.class);
            full.is_ok_and(|full| self.0.is_instance(py, &full))
        })
    }

    /// A file name that cannot be one.
    pub(crate) fn name(message: impl ToString) -> Self {
        Self::new(INVALID_NAME, message)
    }

    /// An IPNS record that cannot be used.
    pub(crate) fn record(message: impl ToString) -> Self {
        Self::new(INVALID_RECORD, message)
    }

    /// A private key that cannot be used.
    pub(crate) fn key(message: impl ToString) -> Self {
        Self::new(INVALID_KEY, message)
    }

    /// A handle that was closed.
    pub(crate) fn closed() -> Self {
        Self::new(REPOSITORY_CLOSED, "the repository was closed: open it anew")
    }

    /// Something that stayed behind in the process that made it.
    pub(crate) fn forked(message: impl ToString) -> Self {
        Self::new(FORKED, message)
    }

    /// A block that is not here.
    pub(crate) fn missing(cid: &Cid) -> Self {
        DagError::Missing(Box::new(*cid)).into()
    }

    /// Something larger than allowed.
    pub(crate) fn limit(message: impl ToString) -> Self {
        Self::new(LIMIT, message)
    }

    /// Data that is not what its codec asks for.
    pub(crate) fn malformed(message: impl ToString) -> Self {
        Self::new(MALFORMED, message)
    }

    pub(crate) fn multiaddr(message: impl ToString) -> Self {
        Self::new(INVALID_MULTIADDR, message)
    }

    pub(crate) fn internal(message: &str) -> Self {
        Self::new(INTERNAL, message)
    }

    pub(crate) fn panic(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "no message".to_owned());
        Self::new(INTERNAL, format!("the native core failed: {text}; please report this"))
    }
}

/// Errors that the standard library makes without asking the system.
fn errno_of(kind: io::ErrorKind) -> Option<i32> {
    match kind {
        io::ErrorKind::NotFound => Some(2),
        io::ErrorKind::PermissionDenied => Some(13),
        io::ErrorKind::AlreadyExists => Some(17),
        io::ErrorKind::NotADirectory => Some(20),
        io::ErrorKind::IsADirectory => Some(21),
        io::ErrorKind::InvalidInput => Some(22),
        io::ErrorKind::StorageFull => Some(28),
        io::ErrorKind::DirectoryNotEmpty if cfg!(target_os = "linux") => Some(39),
        io::ErrorKind::DirectoryNotEmpty if cfg!(windows) => Some(41),
        io::ErrorKind::DirectoryNotEmpty => Some(66),
        _ => None,
    }
}

fn raise<'py, A>(py: Python<'py>, kind: Kind, args: A) -> PyErr
where
    A: pyo3::call::PyCallArgs<'py>,
{
    let made = class(py, kind.class)
        .and_then(|class| class.call1(args))
        .and_then(|error| error.setattr("code", code(py, kind.code)?).map(|()| error));
    match made {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyType>> {
    Ok(errors(py)?.bind(py).getattr(name)?.cast_into::<PyType>()?)
}

fn code<'py>(py: Python<'py>, code: &str) -> PyResult<Bound<'py, PyAny>> {
    errors(py)?.bind(py).getattr("ErrorCode")?.call1((code,))
}

fn errors(py: Python<'_>) -> PyResult<&'static Py<PyModule>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    MODULE.get_or_try_init(py, || Ok(py.import("ipfs_kit_py.errors")?.unbind()))
}

impl From<HashError> for Failure {
    fn from(error: HashError) -> Self {
        let kind = match error {
            HashError::UnknownCode(_)
            | HashError::UnknownName(_)
            | HashError::Unsafe(_) => UNSUPPORTED_HASH,
            HashError::IdentityTooLong { .. } => LIMIT,
            HashError::DigestLength { .. } => INVALID_PARAMETER,
        };
        Self::new(kind, error)
    }
}

impl From<KernelError> for Failure {
    fn from(error: KernelError) -> Self {
        Self::new(INVALID_PARAMETER, error)
    }
}

impl From<CidError> for Failure {
    fn from(error: CidError) -> Self {
        let kind = match &error {
            CidError::Empty
            | CidError::TooLong { .. }
            | CidError::Multibase { .. }
            | CidError::PrefixedV0
            | CidError::Version(_)
            | CidError::Varint { .. }
            | CidError::DigestLength { .. }
            | CidError::Trailing(_)
            | CidError::NotV0 { .. }
            | CidError::V0Base(_)
            | CidError::Hash(_) => INVALID_CID,
            CidError::UnknownBase(_) | CidError::BinaryBase => INVALID_PARAMETER,
            CidError::UnknownCodec(_) => UNSUPPORTED_CODEC,
        };
        Self::new(kind, error)
    }
}

impl From<ChunkerError> for Failure {
    fn from(error: ChunkerError) -> Self {
        Self::new(INVALID_PARAMETER, error)
    }
}

impl From<ParamError> for Failure {
    fn from(error: ParamError) -> Self {
        Self::new(INVALID_PARAMETER, error)
    }
}

impl From<DagError> for Failure {
    fn from(error: DagError) -> Self {
        let kind = match error {
            DagError::Hash(error) => return error.into(),
            DagError::Io(error) => return Self::os(&error, Path::new("")),
            DagError::Store(source) => {
                return match source.downcast::<RepoError>() {
                    Ok(error) => (*error).into(),
                    Err(source) => match source.downcast::<PyErr>() {
                        Ok(error) => (*error).into(),
                        Err(source) => Self::new(FILE_IO, described(&*source)),
                    },
                };
            }
            DagError::Pb { .. }
            | DagError::LinkCid { .. }
            | DagError::Cbor(_)
            | DagError::Json(_) => MALFORMED,
            DagError::Encode(_) => INVALID_PARAMETER,
            DagError::UnknownCodec(_) => UNSUPPORTED_CODEC,
            DagError::Limit { .. } => LIMIT,
            DagError::Missing(_) => BLOCK_NOT_FOUND,
            DagError::Mismatch(_) => INTEGRITY,
        };
        Self::new(kind, error)
    }
}

impl From<UnixFsError> for Failure {
    fn from(error: UnixFsError) -> Self {
        let kind = match error {
            UnixFsError::Read { path, source } | UnixFsError::Write { path, source } => {
                return Self::os(&source, &path);
            }
            UnixFsError::Input(source) => return Self::os(&source, Path::new("")),
            UnixFsError::Spill(source) => {
                return Self::os(&source, &std::env::temp_dir());
            }
            UnixFsError::Params(error) => return error.into(),
            UnixFsError::Chunker(error) => return error.into(),
            UnixFsError::Cid(error) => return error.into(),
            UnixFsError::Hash(error) => return error.into(),
            UnixFsError::Kernel(error) => return error.into(),
            UnixFsError::Dag(error) => return error.into(),
            UnixFsError::Changed { .. } => FILE_CHANGED,
            UnixFsError::NotUtf8 { .. }
            | UnixFsError::Nameless
            | UnixFsError::InvalidEntryName { .. } => INVALID_NAME,
            UnixFsError::NoSuchEntry { path } => {
                return Self::os(&io::ErrorKind::NotFound.into(), Path::new(&path));
            }
            UnixFsError::EntryExists { path } => {
                return Self::os(&io::ErrorKind::AlreadyExists.into(), Path::new(&path));
            }
            UnixFsError::IsADirectory { path } | UnixFsError::NeedsRecursive { path } => {
                return Self::os(&io::ErrorKind::IsADirectory.into(), Path::new(&path));
            }
            UnixFsError::NotADirectory { path } => {
                return Self::os(&io::ErrorKind::NotADirectory.into(), Path::new(&path));
            }
            UnixFsError::NotEmpty { path } => {
                let error = io::ErrorKind::DirectoryNotEmpty.into();
                return Self::os(&error, Path::new(&path));
            }
            UnixFsError::IsASymlink { .. } => UNSUPPORTED_FILE,
            UnixFsError::MoveIntoItself { .. } | UnixFsError::OnRoot { .. } => {
                INVALID_PARAMETER
            }
            UnixFsError::Unsupported { .. } | UnixFsError::SymlinkLoop { .. } => {
                UNSUPPORTED_FILE
            }
            UnixFsError::DuplicateName { .. } | UnixFsError::UnsafeName { .. } => {
                UNSAFE_PATH
            }
            UnixFsError::HamtTooDeep
            | UnixFsError::Limit { .. }
            | UnixFsError::Memory { .. } => LIMIT,
            UnixFsError::Node { .. } => MALFORMED,
            UnixFsError::Cancelled => CANCELLED,
        };
        Self::new(kind, error)
    }
}

impl From<TarError> for Failure {
    fn from(error: TarError) -> Self {
        let kind = match error {
            TarError::File(error) => return error.into(),
            TarError::NoHead { .. }
            | TarError::Malformed { .. }
            | TarError::CutOff { .. }
            | TarError::NotWhole { .. } => MALFORMED,
            TarError::Limit { .. } => LIMIT,
        };
        Self::new(kind, error)
    }
}

impl From<RepoError> for Failure {
    fn from(error: RepoError) -> Self {
        let full = error.is_disk_full();
        let message = described(&error);
        match error {
            RepoError::Io { path, source, .. } => Self::os(&source, &path),
            RepoError::Pack(error) => error.into(),
            RepoError::Dag(error) => error.into(),
            RepoError::Hash(error) => error.into(),
            RepoError::NotFound { path } => {
                let what = "no repository here: make one with `ipfs-kit init`";
                Self::os_like(REPOSITORY_NOT_FOUND, ENOENT, what, &path)
            }
            RepoError::Newer { .. } => Self::new(REPOSITORY_VERSION, message),
            RepoError::IndexDamaged { .. } => Self::new(INDEX_DAMAGED, message),
            RepoError::Index { path, source, .. } => {
                let kind = if full { DISK_FULL } else { FILE_IO };
                let errno = if full { ENOSPC } else { EIO };
                Self::os_like(kind, errno, source, &path)
            }
            RepoError::Statement(source) => {
                let kind = if full { DISK_FULL } else { FILE_IO };
                let errno = if full { ENOSPC } else { EIO };
                Self::os_like(kind, errno, source, Path::new(""))
            }
            RepoError::NetworkFileSystem { .. } => Self::new(UNSAFE_FILE_SYSTEM, message),
            RepoError::ReadOnly { path } => {
                let what = "the repository is read-only";
                Self::os_like(REPOSITORY_READ_ONLY, EROFS, what, &path)
            }
            RepoError::Busy { .. } => Self::new(REPOSITORY_BUSY, message),
            RepoError::Full { .. } => {
                Self::os_like(REPOSITORY_FULL, ENOSPC, message, Path::new(""))
            }
            RepoError::Forked => Self::new(FORKED, message),
            RepoError::NotPinned { .. } => Self::new(NOT_PINNED, message),
            RepoError::PinConflict { .. } => Self::new(PIN_CONFLICT, message),
            RepoError::InUse { .. } => Self::new(BLOCK_IN_USE, message),
            RepoError::Damaged { .. } => Self::new(INTEGRITY, message),
            RepoError::Vanished => Self::new(VANISHED, message),
            RepoError::Conflict => Self::new(CONFLICT, message),
            RepoError::Cancelled => Self::new(CANCELLED, message),
            RepoError::PackLost { .. } => Self::new(PACK_LOST, message),
            RepoError::Ipns(error) => error.into(),
            RepoError::KeyFile { .. }
            | RepoError::KeyExposed { .. }
            | RepoError::KeyName { .. } => Self::new(INVALID_KEY, message),
            RepoError::KeyNotFound { .. } => Self::new(KEY_NOT_FOUND, message),
            RepoError::KeyExists { .. } => Self::new(KEY_EXISTS, message),
            RepoError::NameNotFound { .. } => Self::new(NAME_NOT_FOUND, message),
            RepoError::DnsName { .. } => Self::new(NAMES_UNSUPPORTED, message),
            RepoError::NameLoop { .. } => Self::new(LIMIT, message),
            RepoError::Sequence { .. } => Self::new(INVALID_PARAMETER, message),
            RepoError::OlderRecord { .. } => Self::new(INVALID_RECORD, message),
        }
    }
}

impl From<IpnsError> for Failure {
    fn from(error: IpnsError) -> Self {
        let kind = match error {
            IpnsError::Key { .. } | IpnsError::KeyType(_) => INVALID_KEY,
            IpnsError::Random(_) => INTERNAL,
            IpnsError::Name { .. } | IpnsError::Time(_) | IpnsError::Unsignable(_) => {
                INVALID_PARAMETER
            }
            IpnsError::TooLarge { .. }
            | IpnsError::Malformed(_)
            | IpnsError::NoPublicKey
            | IpnsError::Uncheckable(_)
            | IpnsError::WrongKey
            | IpnsError::Signature
            | IpnsError::TwoValues(_)
            | IpnsError::Expired(_) => INVALID_RECORD,
        };
        Self::new(kind, error)
    }
}

impl From<PackError> for Failure {
    fn from(error: PackError) -> Self {
        let message = described(&error);
        let kind = match error {
            PackError::Io { path, source, .. } => return Self::os(&source, &path),
            PackError::Car(error) => return car_failure(error, Path::new("")),
            PackError::ReadOnly { path } => {
                let what = "the repository is read-only";
                return Self::os_like(REPOSITORY_READ_ONLY, EROFS, what, &path);
            }
            PackError::Damaged { .. } | PackError::Short { .. } => INTEGRITY,
            PackError::Index { .. } => INDEX_DAMAGED,
            PackError::Poisoned { .. } => FILE_IO,
            PackError::Id { .. } => INVALID_PARAMETER,
        };
        Self::new(kind, message)
    }
}

const ENOENT: i32 = 2;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

/// The whole chain of reasons, each once.
fn described(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    text
}

/// A CAR error, with the file it is about.
pub(crate) fn car_failure(error: CarError, path: &Path) -> Failure {
    let kind = match &error {
        CarError::Io(error) => return Failure::os(error, path),
        CarError::Truncated { .. }
        | CarError::Varint { .. }
        | CarError::Header { .. }
        | CarError::Root { .. }
        | CarError::Version { .. }
        | CarError::V2Header { .. }
        | CarError::EmptySection { .. }
        | CarError::SectionBeyondData { .. }
        | CarError::Cid { .. }
        | CarError::Index { .. }
        | CarError::IndexCodec { .. }
        | CarError::IndexMismatch { .. } => MALFORMED,
        CarError::Mismatch { .. } => INTEGRITY,
        CarError::Unverifiable { .. } => UNSUPPORTED_HASH,
        CarError::HeaderTooLarge { .. }
        | CarError::SectionTooLarge { .. }
        | CarError::IndexTooLarge { .. } => LIMIT,
        CarError::Limit { .. } | CarError::RootsMissing | CarError::RootsGivenTwice => {
            INVALID_PARAMETER
        }
    };
    let place = path.display().to_string();
    if place.is_empty() {
        return Failure::new(kind, error);
    }
    Failure::new(kind, format!("{place}: {error}"))
}
