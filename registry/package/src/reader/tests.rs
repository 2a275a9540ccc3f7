use std::io::{self, Write};

use bytesize::ByteSize;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use tar::{EntryType, Header};

use super::*;
use crate::PackageBuilder;

const GOOD: &str = r#"{"name":"a","version":"1.0.0","oc":{"files":{"template":{"type":"oc-template-es6"},
    "dataProvider":{"type":"node.js"}}}}"#;

/// A tar, entry by entry, without any of a well-behaved writer's rules.
#[derive(Default)]
struct RawTar(Vec<u8>);

impl RawTar {
    /// A tar that starts with a good package.
    fn good() -> Self {
        Self::default()
            .file("_package/package.json", GOOD)
            .file("_package/template.js", "t")
            .file("_package/server.js", "s")
    }

    fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.entry(EntryType::Regular, path.as_bytes(), content.as_ref())
    }

    fn entry(self, kind: EntryType, path: &[u8], content: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path);
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.raw(&header, content)
    }

    fn raw(mut self, header: &Header, content: &[u8]) -> Self {
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        let padded = self.0.len().next_multiple_of(512);
        self.0.resize(padded, 0);
        self
    }

    fn read(self) -> Result<Package, PackageError> {
        self.read_within(&Limits::default())
    }

    fn read_within(mut self, limits: &Limits) -> Result<Package, PackageError> {
        self.0.extend_from_slice(&[0; 1024]);
        read(gzip(&self.0).as_slice(), limits)
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read_bytes(bytes: &[u8]) -> Result<Package, PackageError> {
    read(bytes, &Limits::default())
}

fn archive() -> Vec<u8> {
    let builder = PackageBuilder::new()
        .file("package.json", GOOD)
        .file("template.js", "t");
    builder.file("server.js", "s").build().unwrap()
}

#[test]
fn package_is_read_and_files_elsewhere_are_left_out() {
    let package = RawTar::good()
        .entry(EntryType::Directory, b"_package/img/", b"")
        .file("./_package//img/logo.svg", "<svg/>")
        .file("readme", "x")
        .file("package.json", "no JSON")
        .read()
        .unwrap();
    assert_eq!(package.manifest.name(), Some("a"));
    assert_eq!(package.manifest_bytes, GOOD);
    let paths: Vec<_> = package
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(paths, ["img/logo.svg", "server.js", "template.js"]);
    assert_eq!(package.file("img/logo.svg").unwrap(), "<svg/>");
    assert_eq!(package.file("readme"), None);
}

#[test]
fn anything_but_one_whole_gzip_member_is_refused() {
    let whole = archive();
    let mut garbage = whole.clone();
    garbage.extend_from_slice(b"garbage");
    let twice = [whole.clone(), whole.clone()].concat();
    let mut damaged = whole.clone();
    let crc = damaged.len() - 6;
    damaged[crc] ^= 1;
    for bytes in [
        &b""[..],
        b"PK\x03\x04",
        b"\x28\xb5\x2f\xfd",
        &damaged,
        &whole[..whole.len() - 4],
    ] {
        assert!(
            matches!(read_bytes(bytes), Err(PackageError::Gzip(_))),
            "{bytes:?}"
        );
    }
    for cut in (1..whole.len()).step_by(7) {
        assert!(read_bytes(&whole[..cut]).is_err(), "cut at {cut}");
    }
    for bytes in [&garbage, &twice] {
        assert!(matches!(read_bytes(bytes), Err(PackageError::TrailingData)));
    }
    assert!(matches!(
        read_bytes(&gzip(b"garbage")),
        Err(PackageError::Tar(_))
    ));
    assert!(matches!(
        read_bytes(&gzip(b"")),
        Err(PackageError::MissingFile { .. })
    ));
}

#[test]
fn data_after_the_end_of_the_tar_is_refused() {
    let mut tar = RawTar::good();
    tar.0.extend_from_slice(&[0; 1024]);
    assert!(matches!(
        tar.file("_package/x", "x").read(),
        Err(PackageError::TrailingData)
    ));
}

#[test]
fn tar_that_ends_within_a_file_is_refused() {
    let tar = RawTar::good().file("_package/x", "x".repeat(2_000));
    let cut = gzip(&tar.0[..tar.0.len() - 1_024]);
    assert!(matches!(read_bytes(&cut), Err(PackageError::Tar(_))));
}

#[test]
fn bomb_ends_at_the_ratio_before_it_is_unpacked() {
    let error = RawTar::good()
        .file("_package/zeros", vec![0; 8 << 20])
        .read()
        .unwrap_err();
    assert!(
        matches!(error, PackageError::RatioTooHigh { limit: 200 }),
        "{error}"
    );
    assert_eq!(error.code(), "unpacked_too_large");
}

#[test]
fn total_size_is_bounded_outside_the_package_too() {
    let limits = Limits {
        unpacked: ByteSize::kib(64),
        ..Limits::default()
    };
    for path in ["_package/x", "x"] {
        let one = RawTar::good()
            .file(path, vec![1; 80 << 10])
            .read_within(&limits)
            .unwrap_err();
        let many = (0..9).fold(RawTar::good(), |tar, index| {
            tar.file(&format!("{path}{index}"), vec![1; 8 << 10])
        });
        for error in [one, many.read_within(&limits).unwrap_err()] {
            assert_eq!(error.code(), "unpacked_too_large", "{error}");
        }
    }
}

#[test]
fn number_of_entries_is_bounded() {
    let many = |kind, count| {
        (0..count).fold(RawTar::good(), |tar, index| {
            tar.entry(kind, format!("_package/{index}").as_bytes(), b"")
        })
    };
    let limits = Limits {
        entries: 13,
        ..Limits::default()
    };
    assert!(many(EntryType::Regular, 10).read_within(&limits).is_ok());
    for error in [
        many(EntryType::Regular, 11)
            .read_within(&limits)
            .unwrap_err(),
        many(EntryType::XGlobalHeader, 100)
            .read_within(&limits)
            .unwrap_err(),
    ] {
        assert_eq!(error.code(), "too_many_entries", "{error}");
    }
}

#[test]
fn only_files_and_folders_are_allowed() {
    for kind in *b"123467SDKMNVZ" {
        let error = RawTar::good()
            .entry(EntryType::new(kind), b"_package/x", b"")
            .read()
            .unwrap_err();
        assert!(
            matches!(error, PackageError::EntryType { .. }),
            "{}: {error}",
            char::from(kind)
        );
    }
    let sparse = RawTar::good().entry(EntryType::XHeader, b"x", b"22 GNU.sparse.major=1\n");
    let error = sparse.file("_package/x", "x").read().unwrap_err();
    assert_eq!(
        error.to_string(),
        "entry type of `_package/x` is not allowed: sparse file"
    );
}

#[test]
fn unsafe_paths_are_refused_wherever_they_point() {
    for path in [
        "../x",
        "_package/../../x",
        "/etc/x",
        "C:\\x",
        "_package\\..\\x",
        "_package/a\n",
    ] {
        let error = RawTar::good().file(path, "x").read().unwrap_err();
        assert!(
            matches!(error, PackageError::Path { .. }),
            "{path}: {error}"
        );
        assert_eq!(error.code(), "package_not_valid");
    }
    let record = |path: &str| format!("{:3} path={path}\n", path.len() + 10);
    let tar = RawTar::good().entry(
        EntryType::XHeader,
        b"h",
        record("_package/../y").trim_start().as_bytes(),
    );
    assert!(tar.file("_package/x", "x").read().is_err());
}

#[test]
fn long_names_are_read_in_both_formats() {
    let path = format!("_package/{}x", "long/".repeat(25));
    let pax = format!("{} path={path}\n", path.len() + 10);
    for (kind, content) in [
        (EntryType::XHeader, pax.into_bytes()),
        (EntryType::GNULongName, [path.as_bytes(), b"\0"].concat()),
    ] {
        let package = RawTar::good()
            .entry(kind, b"h", &content)
            .file("_package/short", "x")
            .read();
        assert!(package.unwrap().file(&path["_package/".len()..]).is_some());
    }
}

#[test]
fn headers_that_readers_disagree_about_are_refused() {
    let long = "a".repeat(2_000);
    for (kind, content) in [
        (EntryType::XHeader, &b"9 path=ab\n"[..]),
        (EntryType::XHeader, b"9 size=7\n"),
        (EntryType::XGlobalHeader, b"9 path=a\n"),
        (EntryType::GNULongName, long.as_bytes()),
    ] {
        let error = RawTar::good()
            .entry(kind, b"h", content)
            .file("_package/x", "x")
            .read();
        assert!(matches!(error, Err(PackageError::Header(_))), "{error:?}");
    }
    let twice = RawTar::good()
        .entry(EntryType::GNULongName, b"h", b"_package/a")
        .entry(EntryType::XHeader, b"h", b"20 path=_package/b\n")
        .file("_package/x", "x");
    assert!(matches!(twice.read(), Err(PackageError::Header(_))));
    let dangling = RawTar::good().entry(EntryType::GNULongName, b"h", b"_package/a");
    assert!(matches!(dangling.read(), Err(PackageError::Header(_))));
    let full = RawTar::good().entry(EntryType::Directory, b"_package/d", b"x");
    assert!(matches!(full.read(), Err(PackageError::Header(_))));
}

#[test]
fn wrong_checksum_is_refused() {
    let mut header = Header::new_ustar();
    header.set_path("_package/x").unwrap();
    header.set_size(0);
    header.set_cksum();
    header.as_mut_bytes()[0] ^= 1;
    assert!(matches!(
        RawTar::good().raw(&header, b"").read(),
        Err(PackageError::Tar(_))
    ));
}

#[test]
fn paths_are_unique_and_files_are_no_folders() {
    for path in [
        "_package/package.json",
        "./_package//template.js",
        "_package/server.js/x",
        "_package",
    ] {
        let error = RawTar::good().file(path, "x").read().unwrap_err();
        assert!(
            matches!(error, PackageError::Duplicate { .. }),
            "{path}: {error}"
        );
    }
    let folder = RawTar::good().entry(EntryType::Directory, b"_package/server.js", b"");
    assert!(matches!(folder.read(), Err(PackageError::Duplicate { .. })));
}

#[test]
fn files_that_the_manifest_names_must_be_there() {
    for absent in ["package.json", "template.js", "server.js"] {
        let files = [
            ("package.json", GOOD),
            ("template.js", "t"),
            ("server.js", "s"),
        ];
        let rest = files.into_iter().filter(|(path, _)| *path != absent);
        let builder = rest.fold(PackageBuilder::new(), |builder, (path, content)| {
            builder.file(path, content)
        });
        let error = read_bytes(&builder.build().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("archive has no `_package/{absent}`")
        );
    }
}

#[test]
fn manifest_is_checked_and_bounded() {
    for (text, cause) in [
        (
            "{\"oc\":{}}".to_owned(),
            "package.json: `/oc/files` must be an object",
        ),
        (
            "nothing".to_owned(),
            "package.json is not valid JSON at line 1 column 2",
        ),
        (
            " ".repeat(1 << 21),
            "package.json is larger than 1048576 bytes",
        ),
    ] {
        let builder = PackageBuilder::new()
            .file("package.json", text)
            .file("template.js", "t");
        let error = read_bytes(&builder.build().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), cause);
        assert_eq!(error.code(), "package_not_valid");
    }
}

#[test]
fn failure_of_the_source_is_not_the_publishers() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk"))
        }
    }
    let whole = archive();
    let broken = whole[..whole.len() / 2].chain(Broken);
    let error = read(broken, &Limits::default()).unwrap_err();
    assert_eq!(error.code(), "package_unreadable");
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_048)) {
        let _ = read_bytes(&bytes);
        let _ = read_bytes(&gzip(&bytes));
    }

    #[test]
    fn damaged_tars_never_panic(
        flips in prop::collection::vec((0..4_096_usize, any::<u8>()), 1..8),
        fix_checksums in any::<bool>(),
    ) {
        let mut tar = RawTar::good()
            .entry(EntryType::XHeader, b"h", b"20 path=_package/b\n")
            .file("_package/x", "x")
            .0;
        for (at, byte) in flips {
            let at = at % tar.len();
            tar[at] = byte;
        }
        if fix_checksums {
            for block in tar.chunks_mut(512) {
                let mut header = Header::new_old();
                header.as_mut_bytes().copy_from_slice(block);
                header.set_cksum();
                block.copy_from_slice(header.as_bytes());
            }
        }
        let _ = read_bytes(&gzip(&tar));
    }
}
