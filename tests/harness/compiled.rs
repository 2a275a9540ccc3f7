//! Components packaged by the real `oc` command line program.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use sha2::{Digest as _, Sha256};

use crate::{Tools, files_below, tests_folder};

/// Template types beside those of OpenComponents itself, for `[templates] types` of a registry.
pub const TEMPLATE_TYPES: [&str; 7] = [
    "oc-template-react",
    "oc-template-typescript-react",
    "oc-template-preact",
    "oc-template-vue",
    "oc-template-solid",
    "oc-template-svelte",
    "oc-template-esm",
];

/// Held while a source is packaged: tests that run at once want the same ones.
static PACKAGING: Mutex<()> = Mutex::new(());

impl Tools {
    /// Packages a source with `oc package --compress`, unless the same source was packaged before.
    /// Gives the working folder, with `_package` and `package.tar.gz` in it.
    pub fn package(&self, source: &Path) -> PathBuf {
        let _held = PACKAGING.lock().unwrap_or_else(PoisonError::into_inner);
        let name = source
            .file_name()
            .expect("a component's folder")
            .to_string_lossy();
        let packages = self.root().join("packages");
        let done = packages.join(digest(source));
        if !done.join(&*name).join("package.tar.gz").exists() {
            fs::create_dir_all(&packages).expect("a folder can be made");
            let mut begun = tempfile::Builder::new();
            let begun = begun
                .prefix("begun-")
                .tempdir_in(&packages)
                .expect("a folder can be made");
            self.package_in(&begun.path().join(&*name), source);
            // Another test run may have been quicker; what it made is the same.
            let moved = fs::rename(begun.path(), &done);
            assert!(moved.is_ok() || done.exists(), "{moved:?}");
        }
        done.join(&*name)
    }

    fn package_in(&self, folder: &Path, source: &Path) {
        copy(source, folder);
        std::os::unix::fs::symlink(self.node_modules(), folder.join("node_modules"))
            .expect("a link");
        let harness = tests_folder().join("harness");
        let output = Command::new(self.node())
            .arg("--require")
            .arg(harness.join("svelte_compiler.cjs"))
            .arg(self.oc_cli())
            .args(["package", &folder.to_string_lossy(), "--compress"])
            .current_dir(self.root())
            .env("PATH", self.search_path())
            .output()
            .expect("Node starts");
        let log = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            folder.join("package.tar.gz").exists(),
            "oc package {} failed:\n{log}\n{}",
            folder.display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// `PATH` with the tools' Node before everything else.
    #[expect(
        clippy::disallowed_methods,
        reason = "children inherit the search path"
    )]
    pub fn search_path(&self) -> String {
        let inherited = std::env::var("PATH").unwrap_or_default();
        format!("{}:{inherited}", self.node_folder().display())
    }
}

/// Changes with the source and with the versions of the compilers, not with where they lie.
fn digest(folder: &Path) -> String {
    let lock = tests_folder().join("package-lock.json");
    let mut digest = Sha256::new();
    digest.update(fs::read(lock).expect("a file"));
    for file in files_below(folder) {
        let path = file.strip_prefix(folder).expect("a file of the folder");
        digest.update(path.to_string_lossy().as_bytes());
        digest.update(fs::read(&file).expect("a file"));
    }
    hex::encode(&digest.finalize()[..8])
}

fn copy(from: &Path, to: &Path) {
    for file in files_below(from) {
        let target = to.join(file.strip_prefix(from).expect("a file of the folder"));
        fs::create_dir_all(target.parent().expect("a folder")).expect("a folder can be made");
        fs::copy(&file, &target).expect("a file can be copied");
    }
}
