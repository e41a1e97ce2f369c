//! Every reason that a decision can give, in one closed list.
//!
//! Programs switch on the codes; documents are generated from them. A code never changes its
//! meaning; a reason that no code fits gets a new one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident),+ $(,)?) => {
        /// Why a candidate was refused, or what a reader of a decision should know.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum ReasonCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ReasonCode {
            /// Every code, in the order of this file.
            pub const ALL: &'static [ReasonCode] = &[$(ReasonCode::$variant,)+];

            /// What the code means.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(ReasonCode::$variant => concat!($($doc),+).trim_ascii_start(),)+
                }
            }
        }
    };
}

reasons! {
    // Input.
    /// A section of the snapshot that the decision needs was not supplied.
    SectionNotSupplied,
    /// A section of the snapshot says that it is not complete.
    SectionIncomplete,
    /// The input has fields that this version does not know; they were not used.
    UnknownFields,
    /// An object occurs twice under the same name; the later one was not used.
    DuplicateObject,
    /// An object has no name, or a field that makes no sense; it was not used.
    InvalidObject,
    /// A pod names a node that is not in the snapshot.
    UnknownNode,
    /// A pod names a volume claim that is not in the snapshot.
    UnknownVolumeClaim,
    /// A node runs more than it can hold already.
    NodeOvercommitted,
    /// An object is identified by name only, since the snapshot has no identity for it.
    IdentityUnknown,
    /// A container states no request; nothing was set aside for it.
    RequestMissing,
    // Market.
    /// The instance type is not in the catalogue.
    UnknownInstanceType,
    /// No price is known; the object is left out of totals.
    PriceUnknown,
    /// The price was assumed from the policy and not found in the market.
    PriceAssumed,
    /// The price is an average over 30 days and not a price at an instant.
    PriceAveraged,
    /// The market knows nothing of the region.
    RegionUnknown,
    /// The market data is older than the policy allows.
    MarketStale,
    /// The market data is old; its age is stated.
    MarketAged,
    /// Nothing is known of how often the pool is interrupted.
    InterruptionUnknown,
    /// The customer has reported no interruptions yet; the prior stands.
    NoCustomerEvidence,
    /// The live status of the pool is not known.
    PoolStatusUnknown,
    /// Only zone names are known, which differ between accounts.
    ZoneNamesOnly,
    /// No zone is known for the capacity.
    ZoneUnknown,
    // Spot.
    /// The pool's safety score is below the least that is allowed.
    SafetyBelowMinimum,
    /// The pool is confirmed to lose instances now.
    PoolConfirmedRisky,
    /// The pool may lose instances now; it gets no new capacity.
    PoolUncertain,
    /// Replacements of lost instances are lost there too; it gets no new capacity.
    InterruptionLoop,
    /// Spot costs as much as On-Demand here, or more.
    SpotNotCheaper,
    /// The scoring profile needs a learned model, and none is active.
    ProfileNeedsModel,
    /// How many candidates were looked at, and how many were refused for which reason.
    CandidateSummary,
    /// Nothing tells how much capacity is to be shared out.
    CapacityUnknown,
    /// The policy or a constraint excludes the type, zone or family.
    ExcludedByPolicy,
    /// The type is smaller than what is asked for.
    TooSmall,
    /// The type has no free room worth using at the size that is asked for.
    TooLarge,
    /// Fewer zones can be used than the layers ask for.
    TooFewZones,
    /// Fewer pools can be used than the layers ask for.
    TooFewPools,
    /// The cluster is too small to be spread as the layers ask.
    ClusterTooSmall,
    /// No allocation satisfies all layers; On-Demand is proposed.
    OnDemandFallback,
    /// The current allocation stays: the change would save too little to be worth it.
    Hysteresis,
    // Packing: why a pod or node cannot go.
    /// The pod or node is marked as not to be disrupted.
    DoNotDisrupt,
    /// Nothing would make the pod again.
    UnownedPod,
    /// The pod keeps data on the node's own disk.
    LocalStorage,
    /// The pod is static: it comes and goes with its node.
    StaticPod,
    /// A disruption budget does not allow the eviction.
    DisruptionBudget,
    /// Two or more disruption budgets cover the pod, which the eviction API refuses.
    SeveralDisruptionBudgets,
    /// The budget of the node pool does not allow another node to go.
    NodePoolBudget,
    /// The pool says that its nodes are not to be consolidated, or not yet.
    ConsolidationDisabled,
    /// The node is younger than the policy allows.
    NodeTooYoung,
    /// The node is not ready.
    NodeNotReady,
    /// The node is on its way out already.
    NodeDeleting,
    /// The node does not take pods.
    NodeUnschedulable,
    /// The cluster is not healthy enough to be changed.
    ClusterUnhealthy,
    /// The plan would cost as much as it saves, or more.
    NoSaving,
    /// The saving is smaller than the policy asks for.
    SavingBelowMinimum,
    /// The saving is not worth the disruption.
    NotWorthDisruption,
    /// The policy allows no more nodes to be removed in one plan.
    NodeLimitReached,
    /// The policy allows no more pods to be moved in one plan.
    MoveLimitReached,
    // Packing: why a pod cannot run there.
    /// Too little of a resource is free.
    InsufficientResource,
    /// The node takes no more pods.
    PodLimit,
    /// The node can attach no more volumes.
    VolumeAttachLimit,
    /// The pod's node selector or required node affinity does not match.
    NodeAffinity,
    /// The pod does not tolerate a taint.
    Taint,
    /// A required rule to be near other pods does not hold.
    PodAffinity,
    /// A required rule to be away from other pods does not hold.
    PodAntiAffinity,
    /// The pods would be spread more unevenly than allowed.
    TopologySpread,
    /// A port of the node is taken.
    HostPort,
    /// The pod's volume cannot follow it to that zone or node.
    VolumeZone,
    /// A wish of the pod (preferred affinity or spread) is not met; wishes do not block.
    PreferenceNotMet,
    /// The pod fits on no existing node.
    FitsNowhere,
    /// The pod fits on no instance type of the candidates.
    FitsNoInstanceType,
    /// The pod waits for a node; it is planned for but was not made worse.
    PendingPod,
    /// A quantity is not known, so the bound is not either.
    BoundUnknown,
    /// The search stopped at its work limit; more effort may find a cheaper plan.
    WorkLimit,
    // Accounts: machines, volumes, addresses.
    /// Nothing ties the thing to a Kubernetes cluster; that is no fault and no waste.
    NotKubernetes,
    /// The thing belongs to another cluster.
    OtherCluster,
    /// The thing is younger than the policy's time of grace.
    TooYoung,
    /// A tag or an annotation asks to leave the thing alone.
    ExcludedByTag,
    /// The machine does not run; it costs nothing but its volumes and addresses.
    NotRunning,
    /// A node of this machine may still be joining its cluster.
    Registering,
    /// A persistent volume or a claim of the cluster stands for the volume.
    VolumeClaimed,
    /// The volume is attached, or about to be.
    VolumeAttached,
    /// Since when the thing has been idle is not known yet; it is marked and watched from now on.
    MarkedToWatch,
    /// The thing has not been idle for long enough to be acted upon.
    StillWatched,
    /// The thing is in use; it stays.
    InUse,
    /// The thing costs nothing, such as an address of one's own.
    FreeOfCharge,
    /// The change would cost as much as it saves, or more.
    NotWorthIt,
    /// The savings are those of list prices; a commitment covers part of them until it ends.
    Committed,
    // Use of containers.
    /// Too few measurements to say anything.
    TooLittleHistory,
    /// An autoscaler steers by the request of this resource; both have to change together.
    AutoscalerConflict,
    /// A vertical autoscaler looks after it already.
    ManagedByAutoscaler,
    /// The change is too small to be worth a restart.
    WithinTolerance,
    /// The runtime sizes its heap by itself; its use does not show its need.
    HeapManaged,
    /// The use grows steadily: a leak, which more memory only feeds.
    SteadyGrowth,
    /// Killed too often in the window; a person has to look.
    KilledTooOften,
    /// The most that the policy allows lies below what was really used.
    CapBelowPeak,
    /// The container was killed for its memory; it is not made smaller.
    OutOfMemory,
    /// The container is held back by its processor limit: its use does not show its need.
    Throttled,
    /// The container was not killed for its memory.
    NotOutOfMemory,
    /// The event lies outside of the window that is looked at.
    OutsideWindow,
    /// No workload that could be changed stands behind the pod.
    NoWorkload,
    // Traffic.
    /// The traffic is below the amount from which a change is worth it.
    LittleTraffic,
    /// The ends of the traffic are in the same zone.
    SameZone,
    /// Replicas and callers are spread too unevenly for routing within zones.
    UnevenLoad,
    /// The traffic is as it is usual for pods of its kind.
    NotAnOutlier,
    // Schedules.
    /// The object takes no part in schedules.
    ExcludedFromSchedule,
    /// Somebody woke the object by hand; it is left alone until its window comes again.
    WokenByHand,
    /// The schedule changes nothing within the days that are looked at.
    NothingScheduled,
    // Images.
    /// The image is below the size from which it is looked at.
    SmallImage,
    /// Only bounds are known, since no listing of the layers was supplied.
    BoundsOnly,
    // Plan.
    /// The plan checker found that the plan breaks a rule; the plan was withheld.
    PlanWithheld,
    /// Something in the cluster or account would undo a step of the plan; the message says what to do.
    WouldBeUndone,
    /// A limit was broken before; the plan does not make it worse.
    AlreadyViolated,
    /// The plan checker does not know what a step asks for.
    UnknownAction,
    /// A step acts on something that is not in the snapshot.
    UnknownTarget,
    /// A step comes before another that it needs.
    StepOrder,
    /// A figure of the decision does not follow from its parts.
    FigureMismatch,
    /// The bound's certificate does not prove the bound.
    CertificateInvalid,
    /// A pod gets less time to stop than it asked for.
    GraceTooShort,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_meaning_in_one_sentence() {
        for code in ReasonCode::ALL {
            let meaning = code.meaning();
            assert!(meaning.ends_with('.') && meaning.len() > 20, "{code:?}: {meaning}");
        }
    }

    #[test]
    fn codes_are_written_in_snake_case() {
        let written = serde_json::to_string(&ReasonCode::SafetyBelowMinimum).unwrap();
        assert_eq!(written, "\"safety_below_minimum\"");
    }
}
