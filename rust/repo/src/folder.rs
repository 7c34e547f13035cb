//! The folder of a repository: what lies where, and on which file systems it may lie.

use std::fs;
use std::path::{Path, PathBuf};

use crate::RepoError;

/// The files of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folder {
    /// What the user named.
    pub(crate) root: PathBuf,
}

impl Folder {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Our own subfolder: a Kubo repository may live beside it.
    pub(crate) fn own(&self) -> PathBuf {
        self.root.join("embedded")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.own().join("index.db")
    }

    pub(crate) fn packs(&self) -> PathBuf {
        self.own().join("packs")
    }

    pub(crate) fn leases(&self) -> PathBuf {
        self.own().join("leases")
    }

    /// Locked by all who rely on a block that is there, and alone by who removes blocks. It
    /// holds the number of removals.
    pub(crate) fn removals(&self) -> PathBuf {
        self.own().join("removals")
    }

    /// Locked by the one collection that runs.
    pub(crate) fn collecting(&self) -> PathBuf {
        self.own().join("collecting")
    }

    /// Holds room for who gives space back on a full disk.
    pub(crate) fn reserve(&self) -> PathBuf {
        self.own().join("reserve")
    }

    /// Whether all that is made with it is there.
    pub(crate) fn is_whole(&self) -> bool {
        self.leases().is_dir() && self.removals().is_file()
    }

    /// Makes the folders, as far as they are not there.
    pub(crate) fn create(&self) -> Result<(), RepoError> {
        for path in [self.own(), self.leases()] {
            fs::create_dir_all(&path).map_err(RepoError::io("create", &path))?;
        }
        let path = self.removals();
        let options = fs::OpenOptions::new().create(true).append(true).open(&path);
        options.map_err(RepoError::io("create", &path))?;
        for path in [&self.own(), &self.root] {
            sync_folder(path)?;
        }
        // A root that was made just now is an entry of its parent.
        self.root.parent().filter(|path| path.is_dir()).map_or(Ok(()), sync_folder)
    }
}

/// Makes the entries of a folder durable.
#[cfg(unix)]
pub(crate) fn sync_folder(path: &Path) -> Result<(), RepoError> {
    let folder = fs::File::open(path).map_err(RepoError::io("open", path))?;
    folder.sync_all().map_err(RepoError::io("sync", path))
}

/// Makes the entries of a folder durable, which this system does by itself.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_: &Path) -> Result<(), RepoError> {
    Ok(())
}

/// The name of the network file system that a path lies on, if it does.
#[cfg(target_os = "linux")]
pub(crate) fn network_file_system(path: &Path) -> Option<&'static str> {
    const KINDS: [(u32, &str); 8] = [
        (0x6969, "NFS"),
        (0x517B, "SMB"),
        (0xFE53_4D42, "SMB2"),
        (0xFF53_4D42, "CIFS"),
        (0x5346_414F, "AFS"),
        (0x00C3_6400, "Ceph"),
        (0x0102_1997, "9P"),
        (0x0BD0_0BD0, "Lustre"),
    ];
    let magic = statfs_magic(path)?;
    KINDS.iter().find(|(known, _)| *known == magic).map(|(_, name)| *name)
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the standard library does not tell the file system")]
fn statfs_magic(path: &Path) -> Option<u32> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut found = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the path ends with a zero byte, and the call fills the structure if it gives 0.
    let kind = unsafe {
        if libc::statfs(path.as_ptr(), found.as_mut_ptr()) != 0 {
            return None;
        }
        found.assume_init().f_type
    };
    // Its type differs from platform to platform; the magic is its low 32 bits.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "see above"
    )]
    Some(kind as u32)
}

/// The name of the network file system that a path lies on: not known on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn network_file_system(_: &Path) -> Option<&'static str> {
    None
}
