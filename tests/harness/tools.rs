//! What `tests/setup.sh` installed: Node, its packages, and Python.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder that `tests/setup.sh` fills.
#[derive(Clone, Debug)]
pub struct Tools {
    root: PathBuf,
}

/// The folder `tests` of the checkout.
///
/// The one of this run: a build cache may hold executables that another checkout built.
pub fn tests_folder() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

impl Tools {
    /// Finds the tools in `OCHRE_TEST_TOOLS`, or else in `tests/.tools`.
    ///
    /// Fails the test when they were not installed.
    #[expect(
        clippy::disallowed_methods,
        reason = "the harness is configured by its environment"
    )]
    pub fn find() -> Self {
        let root = env::var("OCHRE_TEST_TOOLS")
            .map_or_else(|_| tests_folder().join(".tools"), PathBuf::from);
        let tools = Self { root };
        for needed in [tools.node(), tools.python(), tools.oc_cli()] {
            assert!(
                needed.exists(),
                "{} is missing: run tests/setup.sh first",
                needed.display()
            );
        }
        tools
    }

    /// The folder itself; tests may keep what they can make again in it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The Node executable.
    pub fn node(&self) -> PathBuf {
        self.node_folder().join("node")
    }

    /// The folder of `node` and `npm`, for `PATH`.
    pub fn node_folder(&self) -> PathBuf {
        self.root.join("node/bin")
    }

    /// The `node_modules` folder with `oc`, the compilers and `semver`.
    pub fn node_modules(&self) -> PathBuf {
        self.root.join("npm/node_modules")
    }

    /// The `oc` command line program: a script for [`Tools::node`].
    pub fn oc_cli(&self) -> PathBuf {
        self.node_modules().join("oc/dist/oc-cli.js")
    }

    /// A command that runs `oc` in a folder; the caller adds the arguments.
    pub fn oc(&self, folder: &Path) -> Command {
        let mut command = Command::new(self.node());
        command.arg(self.oc_cli()).current_dir(folder);
        command
    }

    /// The Python executable with moto installed.
    pub fn python(&self) -> PathBuf {
        self.root.join("python/bin/python")
    }
}
