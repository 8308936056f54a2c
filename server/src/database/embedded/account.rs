//! The user that PostgreSQL runs as. It refuses root.

use std::path::Path;
use std::process::Command;

use std::os::unix::process::CommandExt;

use super::EmbeddedError;

/// Another user than this process', for PostgreSQL's programs to run as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Account {
    /// The user's number.
    pub uid: u32,
    /// The user's group's number.
    pub gid: u32,
}

impl Account {
    /// Nobody else where this process is not root; `postgres` or else `nobody` where it is.
    pub fn needed() -> Result<Option<Self>, EmbeddedError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let path = Path::new("/etc/passwd");
        let users =
            std::fs::read_to_string(path).map_err(|error| EmbeddedError::file(path, error))?;
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| find(&users, name))
            .map(Some)
            .ok_or(EmbeddedError::NoAccount)
    }

    /// Makes `command` run as this user, without root's other groups.
    pub fn apply(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}

/// The account `name` in a text like /etc/passwd; never root's.
fn find(users: &str, name: &str) -> Option<Account> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (uid != 0).then_some(Account { uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let users =
            "root:x:0:0:root:/root:/bin/sh\npostgres2:x:7:7::/:\npostgres:x:101:104:,,:/:\n";
        let expected = Some(Account { uid: 101, gid: 104 });
        assert_eq!(find(users, "postgres"), expected);
        assert_eq!(find(users, "nobody"), None);
        assert_eq!(find(users, "root"), None);
    }
}
