//! Files as they lie on disk, judged before they are read, and read within bounds.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use bytesize::ByteSize;
use ochre_package::PackageBuilder;

/// Why something on disk is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiskError {
    /// Nothing is there, or the system refuses it.
    #[error("`{path}` cannot be read")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A link, a device, a pipe, or a name that is no UTF-8.
    #[error("`{path}` is no regular file with a plain name")]
    NotAFile { path: PathBuf },
    /// More bytes than wanted.
    #[error("`{path}` is larger than {limit}: --max-size takes a larger archive")]
    TooLarge { path: PathBuf, limit: ByteSize },
    /// All files together have more bytes than wanted.
    #[error("the files of `{path}` are together larger than {limit}: --max-unpacked takes more")]
    FolderTooLarge { path: PathBuf, limit: ByteSize },
    /// More files and folders than wanted.
    #[error("`{path}` has more than {limit} files and folders: --max-entries takes more")]
    TooManyEntries { path: PathBuf, limit: usize },
}

/// A folder on its way into a package.
#[derive(Debug)]
struct Packing<'a> {
    root: &'a Path,
    bytes_max: ByteSize,
    bytes_left: u64,
    entries_max: usize,
    entries: usize,
    files: Vec<(String, Vec<u8>)>,
}

/// Reads a regular file of at most `limit`; links to one are followed. Blocks.
///
/// # Errors
///
/// [`DiskError`].
pub(crate) fn read(path: &Path, limit: ByteSize) -> Result<Vec<u8>, DiskError> {
    let unreadable = |source| DiskError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let too_large = || DiskError::TooLarge {
        path: path.to_owned(),
        limit,
    };
    // Before it is opened: opening a pipe waits for its other end.
    let length = regular(path, &fs::metadata(path).map_err(unreadable)?)?;
    if length > limit.as_u64() {
        return Err(too_large());
    }
    // Files of the system say that they are empty, and some never end.
    if length == 0 {
        return Ok(Vec::new());
    }
    let file = File::open(path).map_err(unreadable)?;
    regular(path, &file.metadata().map_err(unreadable)?)?;
    let mut bytes = Vec::new();
    // It may grow meanwhile.
    let mut bounded = file.take(limit.as_u64().saturating_add(1));
    bounded.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit.as_u64() {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Takes all files of a folder, with its folders; links are not followed. Blocks.
///
/// # Errors
///
/// [`DiskError`].
pub(crate) fn pack(
    root: &Path,
    (bytes_max, entries_max): (ByteSize, usize),
) -> Result<PackageBuilder, DiskError> {
    let mut packing = Packing {
        root,
        bytes_max,
        bytes_left: bytes_max.as_u64(),
        entries_max,
        entries: 0,
        files: Vec::new(),
    };
    packing.add(root, "")?;
    let builder = PackageBuilder::new();
    Ok(packing
        .files
        .into_iter()
        .fold(builder, |builder, (path, bytes)| builder.file(path, bytes)))
}

/// How long a regular file says it is.
fn regular(path: &Path, metadata: &fs::Metadata) -> Result<u64, DiskError> {
    if metadata.is_file() {
        Ok(metadata.len())
    } else {
        let path = path.to_owned();
        Err(DiskError::NotAFile { path })
    }
}

// === impl Packing ===

impl Packing<'_> {
    fn add(&mut self, folder: &Path, prefix: &str) -> Result<(), DiskError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| DiskError::Unreadable { path, source }
        };
        for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
            let entry = entry.map_err(unreadable(folder))?;
            let path = entry.path();
            self.count()?;
            let name = entry.file_name().into_string().ok();
            let name = name.ok_or_else(|| DiskError::NotAFile { path: path.clone() })?;
            let name = format!("{prefix}{name}");
            let metadata = fs::symlink_metadata(&path).map_err(unreadable(&path))?;
            if metadata.is_dir() {
                self.add(&path, &format!("{name}/"))?;
            } else {
                regular(&path, &metadata)?;
                let bytes = self.file(&path)?;
                self.files.push((name, bytes));
            }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), DiskError> {
        self.entries += 1;
        if self.entries <= self.entries_max {
            return Ok(());
        }
        Err(DiskError::TooManyEntries {
            path: self.root.to_owned(),
            limit: self.entries_max,
        })
    }

    fn file(&mut self, path: &Path) -> Result<Vec<u8>, DiskError> {
        let bytes = read(path, ByteSize::b(self.bytes_left)).map_err(|error| match error {
            DiskError::TooLarge { .. } => DiskError::FolderTooLarge {
                path: self.root.to_owned(),
                limit: self.bytes_max,
            },
            other => other,
        })?;
        self.bytes_left = self.bytes_left.saturating_sub(bytes.len() as u64);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::symlink, net::UnixListener};

    use super::*;

    fn told<T>(result: Result<T, DiskError>) -> String {
        result.err().unwrap().to_string()
    }

    #[test]
    fn only_regular_files_within_the_limit_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(told(read(&path, ByteSize::mib(50))).contains("larger than 50.0 MiB"));
        File::create(&path).unwrap().set_len(4).unwrap();
        assert_eq!(read(&path, ByteSize::b(4)).unwrap(), [0; 4]);
        assert!(told(read(&path, ByteSize::b(3))).contains("larger than 3 B"));

        let socket = folder.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        for path in [Path::new("/dev/zero"), &socket] {
            assert!(told(read(path, ByteSize::mib(1))).contains("no regular file"));
        }
        assert!(
            read(Path::new("/proc/self/status"), ByteSize::mib(1))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn folder_is_packed_within_limits() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("img")).unwrap();
        fs::write(root.join("a"), "123").unwrap();
        fs::write(root.join("img/b"), "456").unwrap();
        assert!(pack(root, (ByteSize::b(6), 3)).is_ok());
        assert!(told(pack(root, (ByteSize::b(5), 3))).contains("together larger than 5 B"));
        assert!(told(pack(root, (ByteSize::b(6), 2))).contains("more than 2 files and folders"));
        symlink("/dev/zero", root.join("img/zero")).unwrap();
        assert!(told(pack(root, (ByteSize::b(6), 9))).contains("no regular file"));
    }
}
