//! Whose data it is: the server could not read what root writes among the files of another user.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use anyhow::bail;

const ROOT: u32 = 0;

/// Refuses to write into a data directory as root if it belongs to somebody else.
pub(super) fn require_owner(data_dir: &Path) -> anyhow::Result<()> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == ROOT);
    if is_root && owner(data_dir).is_some_and(|owner| owner != ROOT) {
        bail!(
            "the owner of {} could not read what root writes there: use {}",
            data_dir.display(),
            as_owner(data_dir)
        );
    }
    Ok(())
}

/// How to run this program as the owner of a data directory.
pub(super) fn as_owner(data_dir: &Path) -> String {
    let user = owner(data_dir).map_or_else(|| "OWNER".to_owned(), name);
    format!("\"sudo -u {user} fialka-server …\"")
}

/// Who owns the database, or the directory as long as there is none.
fn owner(data_dir: &Path) -> Option<u32> {
    let found = fs::metadata(data_dir.join("db")).or_else(|_| fs::metadata(data_dir));
    Some(found.ok()?.uid())
}

/// A user's name, or a number that `sudo` understands.
fn name(user: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_among(&users, user).unwrap_or_else(|| format!("\\#{user}"))
}

fn name_among(users: &str, user: u32) -> Option<String> {
    let user = user.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == user).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::chown;

    use super::*;

    #[test]
    fn users_have_names() {
        let users = "root:x:0:0:root:/root:/bin/sh\nfialka:x:998:997::/var/lib/fialka:/bin/false\n";
        assert_eq!(name_among(users, 998).as_deref(), Some("fialka"));
        assert_eq!(name_among(users, 997), None);
    }

    #[test]
    fn root_writes_nothing_among_the_files_of_others() {
        let data = tempfile::tempdir().unwrap();
        require_owner(data.path()).unwrap();
        fs::create_dir(data.path().join("db")).unwrap();
        // Only root can give files away.
        if chown(data.path().join("db"), Some(54_321), None).is_ok() {
            let refused = require_owner(data.path()).unwrap_err().to_string();
            assert!(refused.contains("sudo -u \\#54321"), "{refused}");
        }
    }
}
