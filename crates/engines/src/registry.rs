//! Every built-in engine, in one visible list.

use crate::bin_packing::BinPacking;
use crate::ghost_probe::GhostProbe;
use crate::image_bloat::ImageBloat;
use crate::ipv4_cost::Ipv4Cost;
use crate::network_optimizer::NetworkOptimizer;
use crate::noisy_neighbor::NoisyNeighbor;
use crate::office_hours::OfficeHoursEngine;
use crate::oom_remediation::OomRemediation;
use crate::prepared::AnyEngine;
use crate::rightsizing::Rightsizing;
use crate::shadow_it::ShadowIt;
use crate::spot_optimizer::SpotOptimizer;
use crate::volume_cleanup::VolumeCleanup;

/// Every built-in engine, in the order in which people see them.
pub const BUILT_IN: &[&dyn AnyEngine] = &[
    &SpotOptimizer,
    &BinPacking,
    &Rightsizing,
    &OfficeHoursEngine,
    &GhostProbe,
    &VolumeCleanup,
    &NetworkOptimizer,
    &OomRemediation,
    &Ipv4Cost,
    &ImageBloat,
    &ShadowIt,
    &NoisyNeighbor,
];

/// The engine that answers a decision type, such as `bin_pack` or `bin-pack`.
#[must_use]
pub fn for_decision(decision: &str) -> Option<&'static dyn AnyEngine> {
    BUILT_IN
        .iter()
        .copied()
        .find(|engine| engine.decision() == decision || engine.route() == decision)
}
