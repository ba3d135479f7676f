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
    LossEndsClaims "loss-ends-claims" "What a node ran counts as over as soon as the node is lost, before it is fenced."
    FailedFenceCounts "failed-fence-counts" "A fence that failed is told as confirmed."
    EarlierRunSpeaks "earlier-run-speaks" "What an earlier run of a daemon still had to say counts after a later one is known."
    StartBeforeCaughtUp "start-before-caught-up" "A daemon carries its claims out before the log has shown it its own run."
    StopToldEarly "stop-told-early" "A service is told as stopped while its stop is still under way."
    ClaimNotInSnapshot "claim-not-in-snapshot" "A snapshot forgets the claims of services."
    UnprovenForces "unproven-forces" "A run that no leader has met takes part in forced changes (rules 1 and 4)."
    ForceWithoutFence "force-without-fence" "A fence that failed proves to the half that the other one is off (rule 2)."
    StaleConfirmation "stale-confirmation" "What proved an earlier boot of a node off counts for its present one (rule 3)."
    ForcedRecordLost "forced-record-lost" "The record of a forced change is not on disk, only its lineage (rule 6)."
    MinorityForces "minority-forces" "Less than half of the voters may force."
    PledgeForgotten "pledge-forgotten" "Who is pledged to a forced change still votes in the old lineage."
    OldLineageHeard "old-lineage-heard" "Messages of another lineage count (rule 5)."
    FenceBesideWitness "fence-beside-witness" "A half that has fenced the other goes on without the vote of the witness."
    WitnessVotesTwice "witness-votes-twice" "The witness gives its vote to whoever asks last."
    WitnessForgets "witness-forgets" "The witness answers before its vote is on disk."
    VoteForgotten "vote-forgotten" "A voter that starts again has forgotten whom it voted for."
    TruncationNotWritten "truncation-not-written" "What a follower takes out of its log stays on its disk."
    VotersNotInSnapshot "voters-not-in-snapshot" "A snapshot carries the voters of an earlier entry."
    ReplyBeforeCommit "reply-before-commit" "A request is answered as done before it is committed."
    ProposalAppliedTwice "proposal-applied-twice" "A proposal that comes twice is proposed twice."
    StopFailureForgotten "stop-failure-forgotten" "A stop that failed counts as done."
    OneServiceAtATime "one-service-at-a-time" "A node works on one service at a time."
    FenceBrakeOff "fence-brake-off" "Nobody counts how often a node was fenced."
    EarlierBootHeard "earlier-boot-heard" "Heartbeats of an earlier run of a node count after a later one was heard."
    LeaseOutslept "lease-outslept" "A node whose clock has jumped over the end of its lease does not notice that it ended."
    CopiesNotCounted "copies-not-counted" "Nobody counts how many copies of a service a node has."
    StartBesideStop "start-beside-stop" "A service is claimed for another node while the stop of the one before is not committed."
    TornVoteIsNone "torn-vote-is-none" "A record of a vote whose writing was torn is read as no vote (in the simulated disk)."
    FenceOnOldState "fence-on-old-state" "An executor does not ask whether the fence is still wanted before it begins."
    NeverYields "never-yields" "A node that meets a newer history does not yield."
    FedWithoutLease "fed-without-lease" "The watchdog is fed although the lease is over."
    WaitWithoutLease "wait-without-lease" "Who waits for the end of a watchdog forgets that the node has a lease."
    SectorsTakenOver "sectors-taken-over" "The vote of a disk witness can be taken over by any half."
    LockTokenNotRaised "lock-token-not-raised" "The next holder of a lock gets the token of the one before."
    LockStaleRelease "lock-stale-release" "A lock is given back by whoever says so, also by a holder of before."
    LockRenewalForgotten "lock-renewal-forgotten" "A renewal of a lock is answered as done, and its lease is not longer for it."
    LockLeaseByOneClock "lock-lease-by-one-clock" "A leader ends the lease of a lock when its own count of cluster time says so, and has not waited for it itself."
    LockQueueJumped "lock-queue-jumped" "A lock goes to the one that has waited for the shortest time."
    LocksNotInSnapshot "locks-not-in-snapshot" "A snapshot forgets the locks."
    MigrationUnproven "migration-unproven" "When the end of a live migration that has the claim is over, nobody waits for the other one."
    SourceNotCleared "source-not-cleared" "A live migration is over when the service runs at the target; what is left at the source is forgotten."
    HandedOverEarly "handed-over-early" "The claim goes to the target of a live migration before the source has handed over."
    PromoteBesideDemote "promote-beside-demote" "A copy is promoted while another one is being demoted, and may still be promoted."
    PromoteBesideLost "promote-beside-lost" "Who was promoted on a lost node does not count, before the node is fenced."
    RoleForgotten "role-forgotten" "A daemon that starts again takes what it finds promoted for an ordinary copy."
    DemoteToldEarly "demote-told-early" "A copy is told as demoted while its demotion is still under way."
    StartLeftAtWork "start-left-at-work" "A start that an earlier run of a daemon has left at work is not ended before anything is asked (in the simulated hands)."
    BoundNotAwaited "bound-not-awaited" "A lost node counts as ended when its lease is over, not its watchdog."
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
