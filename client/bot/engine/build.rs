//! Lists the packs and the articles of the help, so that a new file is found without naming it anywhere.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let out = env::var("OUT_DIR")?;
    let root = env::var("CARGO_MANIFEST_DIR")?;
    let root = Path::new(&root);
    let packs = list(&root.join("../packs"), ".yaml")?;
    fs::write(Path::new(&out).join("packs.rs"), table("PACKS", &packs)?)?;
    let articles = list(&root.join("../../help"), ".md")?;
    fs::write(
        Path::new(&out).join("articles.rs"),
        table("ARTICLES", &articles)?,
    )?;
    Ok(())
}

/// Names without their ending, and paths, in order.
fn list(folder: &Path, ending: &str) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if let Some(name) = name.strip_suffix(ending) {
            files.push((
                name.to_owned(),
                fs::canonicalize(&path)?.display().to_string(),
            ));
        }
    }
    files.sort();
    Ok(files)
}

fn table(name: &str, files: &[(String, String)]) -> Result<String, Box<dyn Error>> {
    let mut source =
        format!("/// Names and texts of files.\nstatic {name}: &[(&str, &str)] = &[\n");
    for (name, path) in files {
        writeln!(source, "    ({name:?}, include_str!({path:?})),")?;
    }
    source.push_str("];\n");
    Ok(source)
}
