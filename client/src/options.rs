//! The command line.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// What `fialka --help` prints.
pub const HELP: &str = "\
Fialka, a messenger for the academy.

Usage: fialka [OPTIONS] [FILE.fialka]

      FILE.fialka      join the academy that this file is from
      --data-dir DIR   keep settings and accounts below DIR
      --server ADDRESS offer this server at sign-in
      --safe-mode      draw without the graphics card, whatever the settings say
      --version        print the version
      --help           print this";

/// What was asked for on the command line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    pub data_dir: Option<PathBuf>,
    pub server: Option<String>,
    pub safe_mode: bool,
    pub show_version: bool,
    pub show_help: bool,
    pub join_file: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments that follow the program's name.
    ///
    /// # Errors
    /// For an option that does not exist, or that lacks its value.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> anyhow::Result<Self> {
        let mut options = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| anyhow::anyhow!("{argument:?} needs a value."))
            };
            match argument.to_str() {
                Some("--data-dir") => options.data_dir = Some(value()?.into()),
                Some("--server") => options.server = Some(value()?.to_string_lossy().into_owned()),
                Some("--safe-mode") => options.safe_mode = true,
                Some("--version") => options.show_version = true,
                Some("--help" | "-h") => options.show_help = true,
                _ if is_join_file(&argument) => options.join_file = Some(argument.into()),
                _ => anyhow::bail!("There is no option {argument:?}. Try --help."),
            }
        }
        Ok(options)
    }
}

/// Desktops hand a file that was opened over as the only argument.
fn is_join_file(argument: &OsString) -> bool {
    let extension = Path::new(argument).extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("fialka"))
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn parse(words: &[&str]) -> anyhow::Result<Options> {
        Options::parse(words.iter().map(Into::into))
    }

    #[test]
    fn options_are_read() {
        let options = parse(&["--safe-mode", "--server", "campus.example"]).ok();
        let expected = Options {
            safe_mode: true,
            server: Some("campus.example".to_owned()),
            ..Options::default()
        };
        assert_eq!(options, Some(expected));
    }

    #[test]
    fn a_join_file_is_opened() {
        let options = parse(&["/media/usb/academy.fialka"]).ok();
        let file = options.and_then(|options| options.join_file);
        assert_eq!(file, Some("/media/usb/academy.fialka".into()));
    }

    #[test]
    fn unknown_options_and_missing_values_are_refused() {
        assert!(parse(&["--fast"]).is_err());
        assert!(parse(&["--data-dir"]).is_err());
    }
}
