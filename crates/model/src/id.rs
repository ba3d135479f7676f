//! Identities. Numbers and names that could be confused are types of their own.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl $name {
            /// The one that follows.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }
    };
}

number!(
    /// Numbers a member for the whole life of the cluster; given out at `init` and `join`,
    /// never reused. Zero is never a node.
    NodeId
);
number!(
    /// Numbers the view: the agreed set of members. Grows with each change of it.
    Epoch
);
number!(
    /// Numbers one claim: the right of one node to run one service. Unique in a cluster's
    /// life (it is the log index of the entry that granted it), so a late message about an
    /// old claim cannot be mistaken for one about the present claim.
    ClaimEpoch
);
number!(
    /// Numbers a plan. Steps name the plan that they follow.
    PlanId
);
number!(
    /// Numbers one operation on one resource, unique within one run of a daemon.
    OperationId
);
number!(
    /// Numbers a witness: the log index of the entry that added it. A witness that was
    /// removed and added again has forgotten what it granted, so it gets another number.
    WitnessId
);
number!(
    /// Numbers a fence request: the log index of the entry that asked for it.
    FenceId
);
number!(
    /// Numbers one holding of a lock. Each new holder of any lock has a higher one.
    LockToken
);

/// Why a string cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("a name needs at least one character")]
    Empty,
    /// Longer than `NAME_LENGTH_MAX`.
    #[error("a name has at most {NAME_LENGTH_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// A character other than letters, digits, `-`, `_` and `.`, or a bad first one.
    #[error(
        "`{0}` cannot stand here in a name: letters, digits, `-`, `_` and `.` can, and the first is a letter or digit"
    )]
    Character(char),
}

/// Names stay short enough for a column of `status`, a file name and an interface alias.
pub const NAME_LENGTH_MAX: usize = 63;

fn check_name(text: &str) -> Result<(), NameError> {
    let Some(first) = text.chars().next() else {
        return Err(NameError::Empty);
    };
    if NAME_LENGTH_MAX < text.len() {
        return Err(NameError::TooLong(text.len()));
    }
    if !first.is_ascii_alphanumeric() {
        return Err(NameError::Character(first));
    }
    match text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || "-_.".contains(*c)))
    {
        Some(bad) => Err(NameError::Character(bad)),
        None => Ok(()),
    }
}

/// The name of a service, or of one of its copies: `web`, or `web:2`.
fn check_service_name(text: &str) -> Result<(), NameError> {
    let Some((service, number)) = text.split_once(':') else {
        return check_name(text);
    };
    check_name(service)?;
    // One spelling for each number.
    let is_number = number.parse::<u32>().is_ok_and(|n| n.to_string() == number);
    if is_number {
        Ok(())
    } else {
        Err(NameError::Character(':'))
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        name!($(#[$doc])* $name, check_name);
    };
    ($(#[$doc:meta])* $name:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks that `text` can be a name: 1 to 63 ASCII letters, digits, `-`, `_`, `.`,
            /// the first a letter or digit.
            ///
            /// # Errors
            /// What is wrong with it.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                $check(&text)?;
                Ok(Self(text))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// What people call a node.
    NodeName
);
name!(
    /// What people call a service; or one copy of a service that has several: its number
    /// follows after a colon, as in `web:2`.
    ServiceName, check_service_name
);

impl ServiceName {
    /// The number of the copy, where this names one.
    #[must_use]
    pub fn copy(&self) -> Option<u32> {
        let (_, number) = self.0.split_once(':')?;
        number.parse().ok()
    }

    /// The service itself, as text: `web` of `web:2`.
    #[must_use]
    pub fn service_str(&self) -> &str {
        self.0
            .split_once(':')
            .map_or(&self.0, |(service, _)| service)
    }

    /// The service itself: `web` of `web:2`.
    #[must_use]
    pub fn service(&self) -> Self {
        Self(self.service_str().to_string())
    }

    /// One copy of this service.
    #[must_use]
    pub fn with_copy(&self, number: u32) -> Self {
        Self(format!("{}:{number}", self.service_str()))
    }

    /// Among names in order, those of copies of this service lie between these two.
    #[must_use]
    pub fn copies_range(&self) -> std::ops::Range<Self> {
        // `;` follows `:`, and no name has it.
        self.with_copy(0)..Self(format!("{};", self.service_str()))
    }
}

name!(
    /// Names a ticket: a right that one of several clusters holds.
    TicketName
);
name!(
    /// Names a resource within its service: given by the file, else made of kind and place
    /// (`address-2`).
    ResourceName
);
name!(
    /// Names a network of the cluster.
    NetworkName
);
name!(
    /// Names a card (a network interface) of a node, as the kernel does.
    CardName
);
name!(
    /// Names a fence device.
    DeviceName
);
name!(
    /// Names a witness: a vote from outside the cluster, which never runs services.
    WitnessName
);
name!(
    /// Names a lock.
    LockName
);
name!(
    /// Names one run of one client that holds locks or waits for them.
    SessionName
);
name!(
    /// Who asked for something: an account name on the node that was asked, or `mainstay`.
    UserName
);

/// Names one boot of a node: the kernel's random `boot_id`. Two different ids prove that
/// everything which ran under the older one is gone.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BootId(pub [u8; 16]);

impl BootId {
    /// Reads the kernel's form: 32 hexadecimal digits, dashes anywhere. `None` for all else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text
            .trim()
            .chars()
            .filter(|c| *c != '-')
            .map(|c| c.to_digit(16).map(|digit| digit as u8))
            .collect::<Option<_>>()?;
        let mut bytes = [0; 16];
        if digits.len() != 32 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BootId({self})")
    }
}

impl TryFrom<String> for BootId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not a boot id"))
    }
}

impl From<BootId> for String {
    fn from(boot: BootId) -> String {
        boot.to_string()
    }
}

/// Names one history of the log. Two logs of different lineage may not be merged: the loser
/// is set aside and replaced by a snapshot.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Lineage {
    /// Grows by one with each forced change.
    pub generation: u64,
    /// The node that made this history: the one that ran `init`, or that forced.
    pub maker: NodeId,
    /// Drawn at random by the maker, so that two makers of the same generation differ.
    pub random: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_id_reads_the_form_of_the_kernel() {
        let text = "5f3a1c2e-0001-4abc-8def-0123456789ab";
        let boot = BootId::parse(text).unwrap();
        assert_eq!(boot.to_string(), text.replace('-', ""));
        assert_eq!(BootId::parse("5f3a"), None);
        assert_eq!(BootId::parse(&"x".repeat(32)), None);
    }

    #[test]
    fn a_name_with_a_space_or_a_slash_is_refused() {
        assert_eq!(NodeName::new("a b"), Err(NameError::Character(' ')));
        assert_eq!(NodeName::new("../a"), Err(NameError::Character('.')));
        assert_eq!(NodeName::new(""), Err(NameError::Empty));
        assert!(NodeName::new("db-1.rack2").is_ok());
        assert_eq!(NodeName::new("db:1"), Err(NameError::Character(':')));
    }

    #[test]
    fn a_copy_is_named_by_its_service_and_one_number() {
        let copy = ServiceName::new("web:2").unwrap();
        assert_eq!((copy.service_str(), copy.copy()), ("web", Some(2)));
        assert_eq!(copy.service().with_copy(2), copy);
        assert_eq!(copy.service().copy(), None);
        for bad in [
            "web:",
            "web:02",
            "web:x",
            "web:1:2",
            ":1",
            "web:-1",
            "web:4294967296",
        ] {
            assert!(ServiceName::new(bad).is_err(), "{bad}");
        }
        let range = copy.copies_range();
        let is_in = |text: &str| range.contains(&ServiceName::new(text).unwrap());
        assert!(["web:0", "web:2", "web:10"].into_iter().all(is_in));
        assert!(
            !["web", "web-1", "web.a", "web2", "wec"]
                .into_iter()
                .any(is_in)
        );
    }
}
