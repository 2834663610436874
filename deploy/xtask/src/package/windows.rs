//! The desktop client as an installer for Windows, made on Linux and tried out under Wine.

use std::{
    fs,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::{empty_folder, output, screen::Screen};
use crate::{
    processes::Processes,
    system_packages,
    workspace::{Program, Workspace},
};

const TARGET: &str = "x86_64-pc-windows-gnu";
const RECIPE: &str = "deploy/client/windows.nsi";
/// Where the installer puts everything.
const FOLDER: &str = "drive_c/Program Files/Fialka";
const SYSTEM: &str = "drive_c/windows/system32";
/// What Windows fills with random bytes, done by what Wine has.
const RANDOM_NUMBERS: &str = "\
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(unsigned char *data, SIZE_T length) {
    return RtlGenRandom(data, (ULONG)length);
}
";
/// How long the program may take to be removed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where Windows keeps what is installed.
const INSTALLED: &str = r"HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall\Fialka";

/// Builds the program and its installer and, if asked, tries the installer out.
pub(super) fn package(workspace: &Workspace, debug: bool, check: bool) -> Result<()> {
    system_packages::install_missing(workspace)?;
    system_packages::install_missing_for_windows(workspace)?;
    let profile: &[&str] = if debug { &[] } else { &["--release"] };
    workspace
        .cargo(["build", "--package", "client", "--bin", "fialka"])
        .args(["--target", TARGET])
        .args(profile)
        .run()
        .with_context(|| format!("the target is there after `rustup target add {TARGET}`"))?;
    let installer = installer(workspace, debug)?;
    let megabytes = fs::metadata(&installer)?.len() as f64 / 1e6;
    println!("{} ({megabytes:.1} MB)", installer.display());
    if check {
        try_out(workspace, &installer)?;
        println!("Installed, started and removed under Wine.");
    }
    Ok(())
}

fn installer(workspace: &Workspace, debug: bool) -> Result<PathBuf> {
    let profile = if debug { "debug" } else { "release" };
    let built = workspace.target.join(TARGET).join(profile);
    let program = output(workspace)?.join("fialka.exe");
    workspace
        .program("x86_64-w64-mingw32-strip")
        .args(["-o"])
        .args([&program, &built.join("fialka.exe")])
        .run()?;
    let version = env!("CARGO_PKG_VERSION");
    let installer = output(workspace)?.join(format!("fialka-setup-{version}.exe"));
    workspace
        .program("makensis")
        .args(["-V2".to_owned(), format!("-DVERSION={version}")])
        .args([
            format!("-DPROGRAM={}", program.display()),
            format!("-DOUTPUT={}", installer.display()),
            RECIPE.to_owned(),
        ])
        .run()?;
    fs::remove_file(&program)?;
    Ok(installer)
}

/// Installs the program with a join file on a Windows that has nothing else, opens its window, installs it once more
/// while it runs, and removes it.
fn try_out(workspace: &Workspace, installer: &Path) -> Result<()> {
    let mut processes = Processes::default();
    let screen = Screen::open(workspace, &mut processes)?;
    let wine = Wine::make(
        workspace,
        &output(workspace)?.join("client-windows"),
        &screen,
    )?;
    let join_file = wine.folder.join("our academy.fialka");
    fs::write(
        &join_file,
        r#"{"version":1,"server_name":"campus.test","address":"campus.test"}"#,
    )?;
    let line = format!("/JOIN={}", windows_path(&join_file));
    wine.command(installer).args(["/S", &line]).run()?;
    let installed = wine.folder.join(FOLDER);
    for file in ["fialka.exe", "academy.fialka", "LICENSE.txt"] {
        ensure!(installed.join(file).is_file(), "{file} is not installed");
    }
    ensure!(
        wine.has_key(INSTALLED),
        "the system does not know of the program"
    );

    let absent = windows_path(&wine.folder.join("absent.fialka"));
    let refused = wine
        .command(installer)
        .args(["/S", &format!("/JOIN={absent}")]);
    ensure!(
        !refused.succeeds(),
        "a join file that is not there was no error"
    );

    let program = wine.command(&installed.join("fialka.exe"));
    processes.start("The installed client", program)?;
    screen.wait_for_window(&mut processes, &["--onlyvisible", "--class", "fialka.exe"])?;
    wine.command(installer).args(["/S"]).run()?;
    ensure!(
        installed.join("fialka-before.exe").is_file(),
        "the running program was not put aside"
    );
    ensure!(
        installed.join("academy.fialka").is_file(),
        "the join file is gone after an upgrade"
    );
    wine.end()?;
    processes.stop();

    // Wine knows no next start of the computer, after which what was put aside is gone.
    fs::remove_file(installed.join("fialka-before.exe"))?;
    // A copy of it does the work, so that it can remove itself.
    wine.command(&installed.join("uninstall.exe"))
        .args(["/S"])
        .run()?;
    let deadline = Instant::now() + PATIENCE;
    while installed.exists() {
        let left = || fs::read_dir(&installed).into_iter().flatten().flatten();
        ensure!(
            Instant::now() < deadline,
            "files are left: {:?}",
            left().map(|file| file.file_name()).collect::<Vec<_>>()
        );
        sleep(Duration::from_millis(100));
    }
    ensure!(
        !wine.has_key(INSTALLED),
        "the system still knows of the program"
    );
    wine.end()?;
    fs::remove_dir_all(&wine.folder)?;
    Ok(())
}

/// Wine with a folder of its own.
struct Wine<'w> {
    workspace: &'w Workspace,
    folder: PathBuf,
    display: &'w str,
}

impl<'w> Wine<'w> {
    fn make(workspace: &'w Workspace, folder: &Path, screen: &'w Screen) -> Result<Self> {
        empty_folder(folder)?;
        let wine = Self {
            workspace,
            folder: folder.to_owned(),
            display: &screen.display,
        };
        wine.program("wine").args(["wineboot", "--init"]).run()?;
        // Nobody draws on a screen that shows no pictures in a second, as Wine takes Xvfb's for.
        let modes = r"HKCU\Software\Wine\X11 Driver";
        let keep = ["reg", "add", modes, "/v", "UseXRandR", "/d", "N", "/f"];
        wine.program("wine").args(keep).run()?;
        wine.add_random_numbers()?;
        Ok(wine)
    }

    /// Wine before its tenth version lacks a library of Windows 10 from which Rust takes random numbers.
    fn add_random_numbers(&self) -> Result<()> {
        let library = self.folder.join(SYSTEM).join("bcryptprimitives.dll");
        if library.is_file() {
            return Ok(());
        }
        let source = self.folder.join("random.c");
        fs::write(&source, RANDOM_NUMBERS)?;
        let compiler = self.workspace.program("x86_64-w64-mingw32-gcc");
        compiler
            .args(["-shared", "-o"])
            .args([&library, &source])
            .args(["-ladvapi32"])
            .run()
    }

    fn command(&self, program: &Path) -> Program {
        self.program("wine").args([program])
    }

    fn has_key(&self, key: &str) -> bool {
        self.program("wine").args(["reg", "query", key]).succeeds()
    }

    /// Ends whatever runs.
    fn end(&self) -> Result<()> {
        let server = "/usr/lib/wine/wineserver64";
        // It fails when nothing runs any more.
        self.program(server).args(["--kill"]).succeeds();
        self.program(server).args(["--wait"]).run()
    }

    fn program(&self, name: &str) -> Program {
        let program = self.workspace.program(name);
        program
            .env("WINEPREFIX", &self.folder)
            .env("DISPLAY", self.display)
            .env("WINEARCH", "win64")
            // Nothing asks for programs that are not needed, and no shortcut comes to the desktop of who tries this.
            .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=")
            .env("HOME", &self.folder)
            .env("WINEDEBUG", "-all")
    }
}

/// A path of this system as Windows programs under Wine see it.
fn windows_path(path: &Path) -> String {
    format!("Z:{}", path.display().to_string().replace('/', r"\"))
}
