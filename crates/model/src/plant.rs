//! Planted defects: switches that make the production crates wrong on purpose, so that the
//! simulator can show that it would notice (`cargo xtask sim --plant`).
//!
//! Without the feature `plant`, which nothing that is shipped has, every switch is a
//! constant `false` and leaves no trace in the program. One defect at a time; the switch
//! belongs to the thread, so that seeds can be played side by side.

macro_rules! plants {
    ($($variant:ident $name:literal $what:literal)*) => {
        /// A defect that can be planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Plant {
            $(#[doc = $what] $variant,)*
        }

        impl Plant {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// What it is called on the command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What is wrong with it planted, as one sentence.
            #[must_use]
            pub fn what(self) -> &'static str {
                match self { $(Self::$variant => $what,)* }
            }
        }
    };
}

plants! {
    EntryBeforeSync "entry-before-sync" "A follower acknowledges entries before they are on disk."
    VoteBeforeSync "vote-before-sync" "A voter sends its vote before it is on disk, and may vote again after a crash."
    VoteForShorterLog "vote-for-shorter-log" "A voter does not look whether the candidate's log is complete."
    CommitWithoutMajority "commit-without-majority" "A leader counts an entry as committed with one copy too few."
    LostVoterRemoved "lost-voter-removed" "A voter that is lost, and not yet proven off, is taken out of the voters."
    LossEndsClaims "loss-ends-claims" "What a node ran counts as over as soon as the node is lost, before it is fenced."
    FailedFenceCounts "failed-fence-counts" "A fence that failed is told as confirmed."
    LateFenceCounts "late-fence-counts" "The word of a fence that was written off, or of an executor that booted since, still counts."
    EarlierRunSpeaks "earlier-run-speaks" "What an earlier run of a daemon still had to say counts after a later one is known."
    StartBeforeCaughtUp "start-before-caught-up" "A daemon carries its claims out before the log has shown it its own run."
    StopToldEarly "stop-told-early" "A service is told as stopped while its stop is still under way."
    ClaimNotInSnapshot "claim-not-in-snapshot" "A snapshot forgets the claims of services."
    ProbeNotTold "probe-not-told" "A daemon that starts tells that nothing runs, whatever it found."
    FenceOnOldState "fence-on-old-state" "An executor does not ask whether the fence is still wanted before it begins."
}

#[cfg(feature = "plant")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Plant>> = const { std::cell::Cell::new(None) };
}

/// Whether this defect is planted in this thread.
#[cfg(feature = "plant")]
#[must_use]
pub fn is(plant: Plant) -> bool {
    PLANTED.get() == Some(plant)
}

/// Whether this defect is planted: never, in a program without the feature.
#[cfg(not(feature = "plant"))]
#[must_use]
pub const fn is(_plant: Plant) -> bool {
    false
}

/// Plants one defect in this thread, or none.
#[cfg(feature = "plant")]
pub fn set(plant: Option<Plant>) {
    PLANTED.set(plant);
}
