//! Extended headers of the POSIX pax format.

use crate::PackageError;

/// What an extended header says about the entry after it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Extended {
    /// Path in place of the header's.
    pub(crate) path: Option<Vec<u8>>,
    /// Size in place of the header's.
    pub(crate) size: Option<u64>,
    /// Whether the entry is a sparse file of GNU tar.
    pub(crate) is_sparse: bool,
}

/// Reads the records `<length> <keyword>=<value>\n`; keywords that do not matter are skipped.
pub(crate) fn parse(mut bytes: &[u8]) -> Result<Extended, PackageError> {
    let malformed = || PackageError::Header("a pax record cannot be read");
    let mut extended = Extended::default();
    while !bytes.is_empty() {
        let space = bytes
            .iter()
            .position(|byte| *byte == b' ')
            .ok_or_else(malformed)?;
        let length = number(&bytes[..space]).ok_or_else(malformed)?;
        let length = usize::try_from(length).map_err(|_| malformed())?;
        let record = bytes.get(space + 1..length).ok_or_else(malformed)?;
        let record = record.strip_suffix(b"\n").ok_or_else(malformed)?;
        let equals = record
            .iter()
            .position(|byte| *byte == b'=')
            .ok_or_else(malformed)?;
        let (keyword, value) = (&record[..equals], &record[equals + 1..]);
        match keyword {
            b"" => return Err(malformed()),
            b"path" => set(&mut extended.path, value.to_vec())?,
            b"size" => set(&mut extended.size, number(value).ok_or_else(malformed)?)?,
            _ if keyword.starts_with(b"GNU.sparse.") => extended.is_sparse = true,
            _ => {}
        }
        bytes = &bytes[length..];
    }
    Ok(extended)
}

fn set<T>(slot: &mut Option<T>, value: T) -> Result<(), PackageError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(PackageError::Header("a pax record is there twice")),
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read() {
        let extended = parse(b"12 path=a\nb\n14 size=00012\n20 SCHILY.xattr.x=\n\n").unwrap();
        assert_eq!(extended.path.as_deref(), Some(&b"a\nb"[..]));
        assert_eq!(extended.size, Some(12));
        assert!(parse(b"22 GNU.sparse.major=1\n").unwrap().is_sparse);
    }

    #[test]
    fn malformed_records_are_refused() {
        for bytes in [
            &b"x"[..],
            b"3 a\n",
            b"99 path=a\n",
            b"10 path=a\nx",
            b"9 path=ab\n",
            b" path=a\n",
            b"+9 path=a\n",
            b"5 =a\n",
            b"11 size=-1\n",
            b"9 path=a\n9 path=b\n",
            b"0 path=a\n",
            b"99999999999999999999999 path=a\n",
        ] {
            assert!(
                matches!(parse(bytes), Err(PackageError::Header(_))),
                "{bytes:?}"
            );
        }
    }
}
