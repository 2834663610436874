//! Writes a table of the emoji in their archive, so that looking for one does not read the whole archive into memory.
//!
//! Links the program with relocations packed: they are a tenth of it otherwise, and all of them are read into memory at
//! every start. The libraries of Debian 12 and Ubuntu 24.04 understand them.
//!
//! On Windows the program carries its icon and its name.

use std::{env, fmt::Write as _, fs, io, path::PathBuf};

const ARCHIVE: &str = "ui/assets/emoji.tar";
const ICON: &str = "../deploy/client/fialka.ico";
/// Tar is made of blocks of this size.
const BLOCK: usize = 512;

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    if is("CARGO_CFG_TARGET_OS", "windows") {
        println!("cargo:rerun-if-changed={ICON}");
        winresource::WindowsResource::new()
            .set_icon(ICON)
            .set("ProductName", "Fialka")
            .set("FileDescription", "Fialka")
            .compile()?;
    }
    println!("cargo:rerun-if-changed={ARCHIVE}");
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(folder.join("emoji-places.txt"), places(&fs::read(ARCHIVE)?))
}

/// A line for each file of the archive: its name without the ending, where its bytes begin, and how many they are.
fn places(archive: &[u8]) -> String {
    let mut lines = String::new();
    let mut at = 0;
    while let Some((name, size)) = archive.get(at..).and_then(entry) {
        let start = at + BLOCK;
        writeln!(lines, "{name} {start} {size}").expect("a string takes all that is written");
        at = start + size.div_ceil(BLOCK) * BLOCK;
    }
    lines
}

fn entry(rest: &[u8]) -> Option<(&str, usize)> {
    let header = rest.get(..BLOCK)?;
    let name = header[..100].split(|byte| *byte == 0).next()?;
    let name = str::from_utf8(name).ok()?.strip_suffix(".png")?;
    let size = str::from_utf8(&header[124..135]).ok()?;
    let size = usize::from_str_radix(size.trim_end_matches('\0'), 8).ok()?;
    Some((name, size))
}
