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
    /// A check or resource that the service does not have.
    UnknownCheck = "E0156", Error;
    /// Two checks with one name.
    CheckNameTwice = "E0157", Error;
    /// A text that is no regular expression.
    BadPattern = "E0158", Error;
    /// A text that is no amount of room.
    BadAmount = "E0159", Error;
    /// More checks than one service or node may have.
    TooManyChecks = "E0169", Error;
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
    /// A program that a node does not have, or that cannot be executed there.
    ProgramMissing = "E0901", Error;
    /// An account that a node does not have.
    AccountMissing = "E0902", Error;
    /// An account with different numbers.
    AccountDiffers = "E0903", Error;
    /// A directory that a node does not have.
    DirectoryMissing = "E0904", Error;
    /// A mount point with different owners or modes.
    OwnerDiffers = "E0905", Warning;
    /// Something else is mounted there.
    MountPointInUse = "E0906", Error;
    /// A device that a node does not have.
    DeviceMissing = "E0907", Error;
    /// A file system that a kernel does not know.
    FilesystemUnknown = "E0908", Error;
    /// A tool of a file system that a node does not have.
    ToolMissing = "E0909", Error;
    /// A card that a node does not have.
    CardMissing = "E0910", Error;
    /// A node's own address that is not where the file says.
    OwnAddressMissing = "E0911", Error;
    /// A service's address that somebody has.
    AddressInUse = "E0912", Error;
    /// A port on which somebody listens.
    PortInUse = "E0913", Error;
    /// A fence agent that a node does not have.
    FenceAgentMissing = "E0914", Error;
    /// A name without an address.
    NameUnresolved = "E0915", Error;
    /// Clocks that differ.
    ClocksDiffer = "E0916", Warning;
    /// No room where the daemon writes.
    NoSpace = "E0917", Error;
    /// A watchdog that a node does not have.
    WatchdogMissing = "E0918", Error;
    /// A card that cannot carry packets now.
    CardDown = "E0919", Warning;
    /// A node that told nothing.
    NotAsked = "E0920", Warning;
    /// Something that a node cannot tell.
    NotTold = "E0921", Warning;
    /// A kernel that refuses packets to a closed port too seldom.
    RefusesSeldom = "E0922", Warning;
    /// A resource agent that does not accept what a resource tells it.
    AgentRefuses = "E0923", Error;
    /// A unit that systemd does not have, or would not start.
    UnitUnusable = "E0924", Error;
    /// A file that is missing or cannot be read.
    FileMissing = "E0925", Error;
    /// A text that names no resource agent.
    BadAgent = "E0170", Error;
    /// A resource agent that is not installed where the file was checked.
    AgentMissing = "E0171", Warning;
    /// A parameter that the agent does not know.
    UnknownParameter = "E0172", Error;
    /// A parameter that the agent cannot do without.
    ParameterMissing = "E0173", Error;
    /// A value that a parameter of the agent cannot have.
    BadParameter = "E0174", Error;
    /// A word that is no signal.
    BadSignal = "E0175", Error;
    /// A service that shall move live and cannot.
    NotLive = "E0180", Error;
}

impl Code {
    /// Whether it is about the nodes and not about the file: the text alone cannot show it.
    #[must_use]
    pub fn is_of_environment(self) -> bool {
        self.code().starts_with("E09")
    }
}
