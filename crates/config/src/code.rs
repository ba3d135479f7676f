//! The codes of problems in a configuration file. Each has its paragraph in
//! `docs/errors.md`; a code that was once given out keeps its meaning for ever.

use crate::problem::Severity;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $severity:ident;)*) => {
        /// What is wrong with a configuration file.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as people see it, like `E0105`.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// Whether it keeps the file from being used.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self {
                    $(Self::$name => Severity::$severity,)*
                }
            }
        }
    };
}

codes! {
    /// The text is not TOML.
    Syntax = "E0101", Error;
    /// A key or section is written twice.
    DuplicateKey = "E0102", Error;
    /// The file is not UTF-8 text.
    NotText = "E0103", Error;
    /// The file is larger than any description of a cluster.
    TooLarge = "E0104", Error;
    /// A key that this section does not have.
    UnknownKey = "E0105", Error;
    /// A section that does not exist.
    UnknownSection = "E0106", Error;
    /// Part of the file format, but not of this version.
    NotInThisVersion = "E0107", Error;
    /// A value of another type than its key needs.
    WrongType = "E0108", Error;
    /// A key that must be there is not.
    MissingKey = "E0109", Error;
    /// No span of time, no unit, or out of bounds.
    BadTime = "E0110", Error;
    /// A number beyond its bounds.
    OutOfRange = "E0111", Error;
    /// A text that is none of the allowed words.
    UnknownWord = "E0112", Error;
    /// A text that cannot be a name.
    BadName = "E0113", Error;
    /// A text that is no IP address, or lacks the length of its prefix.
    BadAddress = "E0114", Error;
    /// An empty list or text where something is needed.
    Empty = "E0115", Error;
    /// The same thing twice in one list.
    Repeated = "E0116", Error;
    /// A key that does not go with the others beside it.
    DoesNotBelong = "E0117", Error;
    /// Timings that cannot work together.
    Timings = "E0120", Error;
    /// A node that the file does not describe.
    UnknownNode = "E0121", Error;
    /// A network that the file does not describe.
    UnknownNetwork = "E0122", Error;
    /// A service that the file does not describe.
    UnknownService = "E0123", Error;
    /// A fence device that the file does not describe.
    UnknownDevice = "E0124", Error;
    /// Services that wait for each other.
    Cycle = "E0125", Error;
    /// `only = true` without nodes to choose from.
    OnlyWithoutPrefer = "E0126", Error;
    /// A shared definition that the file does not have.
    UnknownDefinition = "E0127", Error;
    /// Something else than what the shared definition says.
    NotOverridable = "E0128", Error;
    /// A node on no network.
    NodeWithoutNetwork = "E0130", Error;
    /// More nodes than a cluster may have.
    TooManyNodes = "E0131", Error;
    /// Two nodes with one address.
    NodeAddressTwice = "E0132", Error;
    /// IPv4 and IPv6 mixed on one network.
    MixedFamilies = "E0133", Error;
    /// Nodes of one network in different subnets.
    DifferentSubnets = "E0134", Warning;
    /// A card that serves two networks of a node.
    SharedCard = "E0135", Warning;
    /// A cluster without nodes.
    NoNodes = "E0136", Warning;
    /// A policy that needs a watchdog on each node.
    NoWatchdog = "E0137", Error;
    /// A resource that says nothing about what it is.
    NoKind = "E0140", Error;
    /// A resource that says to be two things.
    TwoKinds = "E0141", Error;
    /// Two resources of a service with one name.
    ResourceNameTwice = "E0142", Error;
    /// Two resources with one address.
    AddressTwice = "E0143", Error;
    /// A service's address that is a node's own.
    AddressOfNode = "E0144", Error;
    /// A service's address outside its network.
    AddressOutside = "E0145", Error;
    /// An address that several networks contain.
    NetworkUnclear = "E0146", Error;
    /// A path that does not start with `/`, or is not written plainly.
    BadPath = "E0147", Error;
    /// Two mounts in one place.
    MountTwice = "E0148", Error;
    /// A mount that hides or blocks another.
    MountNested = "E0149", Error;
    /// A service without resources.
    NoResources = "E0150", Error;
    /// An address that no machine can have.
    UnusableAddress = "E0151", Error;
    /// An address that other machines cannot reach.
    LoopbackAddress = "E0152", Warning;
    /// An address whose network cannot be checked, being of the other family.
    OtherFamily = "E0153", Warning;
    /// A resource that can be in one place only, in a service with copies.
    NotCopyable = "E0154", Error;
    /// Two rules that cannot both hold.
    Contradiction = "E0155", Error;
    /// A node that nobody can fence.
    NodeWithoutFence = "E0160", Warning;
    /// A fence device that no node uses.
    UnusedDevice = "E0161", Warning;
    /// A network that no node is on.
    UnusedNetwork = "E0162", Warning;
    /// A shared definition that no service uses.
    UnusedDefinition = "E0163", Warning;
    /// A watchdog that the policy does not use.
    UnusedWatchdog = "E0164", Warning;
    /// A policy under which a service may run twice.
    IgnoresQuorum = "E0165", Warning;
    /// More copies than the nodes can take.
    TooManyCopies = "E0166", Warning;
    /// A service that fits on no node.
    FitsNowhere = "E0167", Warning;
    /// Room that counts for nothing.
    RoomUnused = "E0168", Warning;
    /// A service that shall move live and cannot.
    NotLive = "E0180", Error;
}
