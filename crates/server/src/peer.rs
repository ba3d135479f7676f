//! Who is at the other end of the socket: told by the kernel, so it cannot be forged.

use std::collections::BTreeSet;

use model::UserName;
use tokio::net::UnixStream;

/// The accounts that may talk to the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed(BTreeSet<u32>);

impl Allowed {
    /// Root, and the account that this process runs as.
    #[must_use]
    pub fn root_and_self() -> Self {
        Self(BTreeSet::from([0, rustix::process::geteuid().as_raw()]))
    }

    /// Exactly these account numbers.
    #[must_use]
    pub fn only(uids: impl IntoIterator<Item = u32>) -> Self {
        Self(uids.into_iter().collect())
    }
}

/// The account at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Peer {
    /// It may ask.
    Served {
        /// Its name, for the audit trail.
        user: UserName,
    },
    /// It may not.
    Refused {
        /// Its number; none: the kernel did not tell.
        uid: Option<u32>,
    },
}

impl Peer {
    pub(crate) fn of(stream: &UnixStream, allowed: &Allowed) -> Self {
        let Ok(credentials) = stream.peer_cred() else {
            return Self::Refused { uid: None };
        };
        let uid = credentials.uid();
        if allowed.0.contains(&uid) {
            Self::Served { user: user(uid) }
        } else {
            Self::Refused { uid: Some(uid) }
        }
    }
}

/// The account's name from `/etc/passwd`, else `uid-1000`. Accounts of directories (LDAP)
/// go by their number: asking a directory from a cluster manager could hang it.
fn user(uid: u32) -> UserName {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(uid, &accounts)
        .unwrap_or_else(|| UserName::new(format!("uid-{uid}")).expect("letters and digits only"))
}

fn name_of(uid: u32, accounts: &str) -> Option<UserName> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid)).then(|| UserName::new(name).ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_called_by_its_name_where_it_has_one() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\n\nbroken\nops:x:1001:100::/:/bin/sh\n";
        assert_eq!(name_of(1001, accounts), UserName::new("ops").ok());
        assert_eq!(name_of(7, accounts), None);
        assert_eq!(user(4_000_000_000).as_str(), "uid-4000000000");
    }
}
