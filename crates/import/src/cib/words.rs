//! Words that changed their names over the years, and words that Pacemaker has for things
//! that have other names here.

/// The class of agents that operate fence devices.
pub(super) const FENCE_CLASS: &str = "stonith";

/// The present name of a cluster option.
pub(super) fn option_name(name: &str) -> String {
    let dashed = if name.contains('-') {
        name.to_string()
    } else {
        name.replace('_', "-")
    };
    match dashed.as_str() {
        "stonith-enabled" => "fencing-enabled",
        "stonith-action" => "fencing-action",
        "stonith-timeout" => "fencing-timeout",
        "stonith-watchdog-timeout" => "fencing-watchdog-timeout",
        "stonith-max-attempts" => "fencing-max-attempts",
        "stop-orphan-resources" => "stop-removed-resources",
        "stop-orphan-actions" => "cancel-removed-actions",
        "default-resource-failure-stickiness" => "",
        other => other,
    }
    .to_string()
}

/// The present name of a meta attribute.
pub(super) fn meta_name(name: &str) -> String {
    let dashed = name.replace('_', "-");
    match dashed.as_str() {
        "master-max" => "promoted-max",
        "master-node-max" => "promoted-node-max",
        other => other,
    }
    .to_string()
}

/// A role as it is named today; none for what is no role.
pub(super) fn role(name: &str) -> Option<&'static str> {
    let roles: [(&str, &'static str); 6] = [
        ("stopped", "Stopped"),
        ("started", "Started"),
        ("promoted", "Promoted"),
        ("master", "Promoted"),
        ("unpromoted", "Unpromoted"),
        ("slave", "Unpromoted"),
    ];
    let found = roles
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(name));
    found.map(|(_, role)| *role)
}

/// The values of `no-quorum-policy` that fence.
pub(super) fn is_fence_word(word: &str) -> bool {
    ["fence", "suicide"].contains(&word)
}

/// Elements of a promotable clone before clones had an option for it.
const PROMOTABLE: [&str; 2] = ["master", "master_slave"];

/// Whether the element is a clone whose instances have roles without saying so.
pub(super) fn is_promotable_element(tag: &str) -> bool {
    PROMOTABLE.contains(&tag)
}

/// Whether a node of this type runs the cluster itself. Members were once `normal`.
pub(super) fn is_member(kind: Option<&str>) -> bool {
    kind.is_none_or(|kind| ["member", "normal"].contains(&kind))
}
