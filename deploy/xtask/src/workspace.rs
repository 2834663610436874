//! Where the checkout is, and how programs are started in it.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// Debian's folder of compilers that go through `ccache`; it makes RocksDB's C++ free after the first build.
const CCACHE_COMPILERS: &str = "/usr/lib/ccache";

/// One checkout and the folder its builds go to.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Finds the checkout through the environment that `cargo run` sets. The path is not taken at compile time,
    /// because several checkouts may share one target directory.
    pub(crate) fn locate() -> Result<Self> {
        let manifest =
            env::var_os("CARGO_MANIFEST_DIR").context("Start this program as `cargo xtask`.")?;
        let root = Path::new(&manifest).join("../..").canonicalize()?;
        let target = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |path| root.join(path));
        Ok(Self { root, target })
    }

    /// A program to be started at the root of the checkout.
    pub(crate) fn program(&self, program: impl AsRef<OsStr>) -> Program {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        Program(command)
    }

    /// `cargo` with these arguments.
    pub(crate) fn cargo<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Program {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut program = self.program(cargo).args(arguments);
        program.0.env("PATH", path_with_ccache());
        // What `cargo run` tells about this crate is not for the builds it starts.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
                program.0.env_remove(name);
            }
        }
        program
    }

    /// A binary of this workspace, where `cargo build` puts it.
    pub(crate) fn binary(&self, name: &str, release: bool) -> PathBuf {
        let profile = if release { "release" } else { "debug" };
        self.target.join(profile).join(name)
    }

    /// The specification's endpoints and response schemas, where the environment or a neighbouring folder has them.
    pub(crate) fn spec_data(&self) -> Option<PathBuf> {
        let folder = env::var_os("MATRIX_SPEC_DATA")
            .map_or_else(|| self.root.join("../shared/spec"), PathBuf::from);
        folder.join("endpoints.tsv").is_file().then_some(folder)
    }

    /// The files under version control, and the new ones that are not ignored.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let listing = self
            .program("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .capture()?;
        Ok(listing
            .lines()
            .filter(|path| self.root.join(path).is_file())
            .map(str::to_owned)
            .collect())
    }
}

/// A program about to be started; failures name the command line.
pub(crate) struct Program(Command);

impl Program {
    pub(crate) fn args<I: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = I>) -> Self {
        self.0.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it as somebody else, which only root may.
    pub(crate) fn owned_by(mut self, user: u32, group: u32) -> Self {
        self.0.uid(user).gid(group);
        self
    }

    /// Runs it to the end with this terminal's input and output.
    pub(crate) fn run(mut self) -> Result<()> {
        let status = self
            .0
            .status()
            .with_context(|| format!("cannot start {}", self.line()))?;
        if !status.success() {
            bail!("{} failed: {status}", self.line());
        }
        Ok(())
    }

    /// Runs it to the end, giving it this text as its input and dropping what it prints.
    pub(crate) fn run_with_input(mut self, input: &str) -> Result<()> {
        let mut child = self.0.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        // Closed at the end of the statement, so that the program sees the end of its input.
        child
            .stdin
            .take()
            .context("a child without an input")?
            .write_all(input.as_bytes())?;
        let status = child.wait()?;
        if !status.success() {
            bail!("{} failed: {status}", self.line());
        }
        Ok(())
    }

    /// Runs it to the end and returns what it printed.
    pub(crate) fn capture(mut self) -> Result<String> {
        let output = self
            .0
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start {}", self.line()))?;
        if !output.status.success() {
            bail!("{} failed: {}", self.line(), output.status);
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Whether it runs and reports success; its output is dropped.
    pub(crate) fn succeeds(mut self) -> bool {
        self.0
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.0.status().is_ok_and(|status| status.success())
    }

    pub(crate) fn into_command(self) -> Command {
        self.0
    }

    fn line(&self) -> String {
        let words = std::iter::once(self.0.get_program()).chain(self.0.get_args());
        words
            .map(OsStr::to_string_lossy)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

fn path_with_ccache() -> OsString {
    let mut path = OsString::new();
    if Path::new(CCACHE_COMPILERS).is_dir() {
        path.push(CCACHE_COMPILERS);
        path.push(":");
    }
    path.push(env::var_os("PATH").unwrap_or_default());
    path
}
