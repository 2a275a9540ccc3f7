//! Which Node there is.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{process::Command, time::timeout};

/// Oldest Node that is used: older ones have no permissions.
const OLDEST: (u32, u32) = (20, 0);

/// Longest wait for Node to tell its version.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A Node executable that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    path: PathBuf,
    version: (u32, u32),
}

/// Why Node cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is none.
    #[error("`{0}` cannot be started")]
    Missing(String, #[source] io::Error),
    /// It is not Node, or it does not work.
    #[error("`{0}` does not tell its version as Node does")]
    Unusable(String),
    /// It is too old.
    #[error("`{path}` is Node {major}.{minor}, and 20 or newer is needed")]
    Old {
        /// Where it is.
        path: String,
        /// Its version.
        major: u32,
        /// Its version.
        minor: u32,
    },
}

impl Installation {
    /// Asks `path`, or `node` on the `PATH` of this process, what it is.
    ///
    /// # Errors
    ///
    /// [`FindError`].
    pub async fn find(path: Option<&Path>) -> Result<Self, FindError> {
        let program = path.map_or(OsStr::new("node"), Path::as_os_str);
        let name = || program.to_string_lossy().into_owned();
        let mut command = Command::new(program);
        command
            .args(["-p", "process.versions.node + ' ' + process.execPath"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let output = match timeout(ANSWER_WITHIN, command.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => return Err(FindError::Missing(name(), error)),
            Err(_) => return Err(FindError::Unusable(name())),
        };
        let answer = String::from_utf8_lossy(&output.stdout);
        let found = Self::parse(answer.trim()).ok_or_else(|| FindError::Unusable(name()))?;
        found.recent()
    }

    /// This, unless it is too old.
    fn recent(self) -> Result<Self, FindError> {
        let (major, minor) = self.version;
        if self.version < OLDEST {
            let path = self.path.display().to_string();
            return Err(FindError::Old { path, major, minor });
        }
        Ok(self)
    }

    /// `20.20.2 /usr/bin/node`.
    fn parse(answer: &str) -> Option<Self> {
        let (version, path) = answer.split_once(' ')?;
        let mut numbers = version.split('.');
        let mut number = || numbers.next()?.parse().ok();
        let version = (number()?, number()?);
        let path = PathBuf::from(path);
        path.is_absolute().then_some(Self { path, version })
    }

    /// Absolute path of the executable.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Version as `20.20`.
    pub fn version(&self) -> String {
        format!("{}.{}", self.version.0, self.version.1)
    }

    /// The argument that switches Node's permissions on.
    pub(super) fn permission_switch(&self) -> &'static str {
        match self.version {
            (22, 13..) | (23, 5..) | (24.., _) => "--permission",
            _ => "--experimental-permission",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(answer: &str) -> Installation {
        Installation::parse(answer).unwrap()
    }

    #[test]
    fn answer_of_node_is_read() {
        let found = node("20.20.2 /opt/my node/bin/node");
        assert_eq!(found.path(), Path::new("/opt/my node/bin/node"));
        assert_eq!(found.version(), "20.20");
        for other in ["", "v20", "20.20.2 node", "hello world"] {
            assert_eq!(Installation::parse(other), None, "{other}");
        }
    }

    #[test]
    fn permissions_are_switched_on_by_the_name_of_the_time() {
        let switch = |version: &str| node(&format!("{version} /n")).permission_switch();
        assert_eq!(switch("20.9.0"), "--experimental-permission");
        assert_eq!(switch("22.12.0"), "--experimental-permission");
        assert_eq!(switch("22.13.0"), "--permission");
        assert_eq!(switch("24.0.0"), "--permission");
    }

    #[test]
    fn node_without_permissions_is_refused() {
        let old = node("18.20.8 /n").recent();
        assert!(
            matches!(old, Err(FindError::Old { major: 18, .. })),
            "{old:?}"
        );
        assert!(node("20.0.0 /n").recent().is_ok());
    }

    #[tokio::test]
    async fn what_is_not_node_is_refused() {
        let missing = Installation::find(Some(Path::new("/nowhere/node"))).await;
        assert!(
            matches!(missing, Err(FindError::Missing(..))),
            "{missing:?}"
        );
        let other = Installation::find(Some(Path::new("/bin/echo"))).await;
        assert!(matches!(other, Err(FindError::Unusable(_))), "{other:?}");
    }
}
