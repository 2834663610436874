//! `spec-tests coverage FOLDER` and `spec-tests known-differences SERVER`, for `cargo xtask`.

use std::{env, path::Path, process::ExitCode};

use spec_tests::{coverage, known_differences};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["coverage", folder] => match coverage::report(Path::new(folder)) {
            Ok(report) => print!("{report}"),
            Err(error) => {
                eprintln!("cannot read the ledger in {folder}: {error}");
                return ExitCode::FAILURE;
            }
        },
        // As arguments for the test binary: --skip NAME …
        ["known-differences", server] => {
            for test in known_differences::tests_failed_by(server) {
                println!("--skip\n{test}");
            }
        }
        _ => {
            eprintln!("usage: spec-tests coverage FOLDER | known-differences SERVER");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
