//! [moto](https://github.com/getmoto/moto) from PyPI, as an S3 service to keep files in.

use std::path::PathBuf;

use anyhow::Result;

use crate::workspace::Workspace;

const PACKAGE: &str = "moto[server,s3]==5.2.5";

/// The program, installed into the target directory on first use; none where PyPI cannot be reached.
pub(crate) fn program(workspace: &Workspace) -> Option<PathBuf> {
    let folder = workspace.target.join("moto");
    let program = folder.join("bin/moto_server");
    if program.is_file() {
        return Some(program);
    }
    match install(workspace, &folder) {
        Ok(()) => Some(program),
        Err(error) => {
            println!("Without an S3 service its tests are skipped: {error:#}");
            None
        }
    }
}

fn install(workspace: &Workspace, folder: &PathBuf) -> Result<()> {
    println!("Installing {PACKAGE} from PyPI into {}", folder.display());
    workspace
        .program("python3")
        .args(["-m", "venv"])
        .args([folder])
        .run()?;
    workspace
        .program(folder.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", PACKAGE])
        .run()
}
