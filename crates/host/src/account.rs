//! Whom a program runs as: user, group and further groups of an account.

use std::ffi::{CStr, CString};
use std::io;

/// The numbers behind the name of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// User number.
    pub user: u32,
    /// Number of its first group.
    pub group: u32,
    /// All its groups.
    pub groups: Vec<u32>,
    /// Its home directory.
    pub home: String,
}

/// More groups than any account that we shall meet has (the kernel's limit is 65,536).
const GROUPS_MAX: usize = 4096;

/// Room for the texts of one account entry; longer ones count as an error.
const ENTRY_MAX: usize = 16 * 1024;

impl Account {
    /// Looks an account up, wherever the system keeps them (files, directory services). May
    /// block for as long as those need.
    ///
    /// # Errors
    /// `NotFound` when there is none of this name.
    pub fn find(name: &str) -> io::Result<Self> {
        let c_name = CString::new(name)?;
        let mut texts = vec![0; ENTRY_MAX];
        // SAFETY: an all-zero passwd (null pointers, zero numbers) is a valid value.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        // SAFETY: all pointers are to live values, and the length of the buffer is given.
        let error = unsafe {
            libc::getpwnam_r(
                c_name.as_ptr(),
                &raw mut entry,
                texts.as_mut_ptr(),
                texts.len(),
                &raw mut found,
            )
        };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        if found.is_null() {
            let text = format!("there is no account `{name}`");
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        // SAFETY: the entry was found, so its home is a zero-terminated text within `texts`.
        let home = unsafe { CStr::from_ptr(entry.pw_dir) };
        Ok(Self {
            user: entry.pw_uid,
            group: entry.pw_gid,
            groups: groups_of(&c_name, entry.pw_gid)?,
            home: home.to_string_lossy().into_owned(),
        })
    }
}

impl Account {
    /// The account that we run as.
    #[must_use]
    pub fn own() -> Self {
        let group = rustix::process::getegid().as_raw();
        Self {
            user: rustix::process::geteuid().as_raw(),
            group,
            groups: vec![group],
            home: "/".to_owned(),
        }
    }

    /// The same account in another first group.
    ///
    /// # Errors
    /// `NotFound` when there is none of this name.
    pub fn with_group(mut self, name: &str) -> io::Result<Self> {
        let c_name = CString::new(name)?;
        let mut texts = vec![0; ENTRY_MAX];
        // SAFETY: an all-zero group (null pointers, zero numbers) is a valid value.
        let mut entry: libc::group = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        // SAFETY: all pointers are to live values, and the length of the buffer is given.
        let error = unsafe {
            libc::getgrnam_r(
                c_name.as_ptr(),
                &raw mut entry,
                texts.as_mut_ptr(),
                texts.len(),
                &raw mut found,
            )
        };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        if found.is_null() {
            let text = format!("there is no group `{name}`");
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        self.group = entry.gr_gid;
        if !self.groups.contains(&entry.gr_gid) {
            self.groups.push(entry.gr_gid);
        }
        Ok(self)
    }
}

fn groups_of(name: &CStr, first: u32) -> io::Result<Vec<u32>> {
    let mut groups = vec![0; GROUPS_MAX];
    let mut count = i32::try_from(GROUPS_MAX).expect("a small number");
    // SAFETY: the list is live and its length is given in `count`.
    let done =
        unsafe { libc::getgrouplist(name.as_ptr(), first, groups.as_mut_ptr(), &raw mut count) };
    if done < 0 {
        return Err(io::Error::other(format!("more than {GROUPS_MAX} groups")));
    }
    groups.truncate(usize::try_from(count).unwrap_or(0));
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_user_zero_and_an_unknown_name_is_not_found() {
        assert_eq!(Account::find("root").unwrap().user, 0);
        let error = Account::find("no-such-account").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
