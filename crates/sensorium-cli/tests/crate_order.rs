//! Holds the order of our crates: dependencies run down the list only, those of tests as well.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// The crates from the lowest; one may depend on those of the lines before its own.
const ORDER: &[&[&str]] = &[
    &["sensorium-core"],
    &["sensorium-table"],
    &["sensorium-modality"],
    &["sensorium-kernels"],
    &["sensorium-model"],
    &["sensorium-bundle"],
    &["sensorium-train", "sensorium-explain", "sensorium-serve"],
    &["sensorium-cli"],
];

/// Depends on core alone; a model and its bundle know nothing of how they are judged.
const METRICS: &str = "sensorium-metrics";
const FIRST_TO_USE_METRICS: &str = "sensorium-train";

/// What library users depend on, and what times kernels and features: they may name every library,
/// and no crate of ours may name them.
const LEAVES: &[&str] = &["sensorium", "sensorium-bench", "sensorium-features-bench"];
const BINARY: &str = "sensorium-cli";

fn level(name: &str) -> Option<usize> {
    ORDER.iter().position(|names| names.contains(&name))
}

fn is_known(name: &str) -> bool {
    name == METRICS || LEAVES.contains(&name) || level(name).is_some()
}

fn may_depend(from: &str, to: &str) -> bool {
    match (from, to) {
        (_, leaf) if LEAVES.contains(&leaf) => false,
        (leaf, _) if LEAVES.contains(&leaf) => to != BINARY && is_known(to),
        (METRICS, _) => to == ORDER[0][0],
        (_, METRICS) => level(from) >= level(FIRST_TO_USE_METRICS),
        // An unknown crate has no level, and `None` is below every `Some`.
        _ => level(to).is_some() && level(from) > level(to),
    }
}

/// `cargo metadata`'s packages: those of this workspace.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    metadata["packages"].as_array().expect("it lists packages").clone()
}

fn name(package: &Value) -> &str {
    package["name"].as_str().expect("everything has a name")
}

#[test]
fn dependencies_run_down_the_list_of_crates_only() {
    let packages = packages();
    let ours: BTreeSet<&str> = packages.iter().map(name).collect();
    assert!(ours.contains(BINARY) && ours.contains(ORDER[0][0]), "another workspace: {ours:?}");
    for package in &packages {
        let from = name(package);
        for dependency in package["dependencies"].as_array().expect("a list") {
            let to = name(dependency);
            assert!(
                !ours.contains(to) || may_depend(from, to),
                "{from} depends on {to} (kind: {}), but dependencies run down the list of \
                 ARCHITECTURE.md only; move what is needed to a lower crate",
                dependency["kind"],
            );
        }
    }
}

#[test]
fn every_crate_has_its_place_in_the_order() {
    for package in packages() {
        let name = name(&package);
        assert!(is_known(name), "{name} is new: give it a place in ORDER and in ARCHITECTURE.md");
    }
}

#[test]
fn an_edge_up_or_across_the_order_is_refused() {
    for (from, to) in [
        ("sensorium-core", "sensorium-table"),
        ("sensorium-model", "sensorium-model"),
        ("sensorium-serve", "sensorium-train"),
        ("sensorium-bundle", METRICS),
        ("sensorium-model", METRICS),
        (METRICS, "sensorium-table"),
        (METRICS, METRICS),
        ("sensorium-cli", "sensorium"),
        ("sensorium", "sensorium-cli"),
        ("sensorium", "sensorium-bench"),
        ("sensorium-new", "sensorium-core-of-another"),
        ("sensorium-cli", "sensorium-new"),
    ] {
        assert!(!may_depend(from, to), "{from} on {to}");
    }
    for (from, to) in [
        ("sensorium-table", "sensorium-core"),
        ("sensorium-cli", "sensorium-core"),
        ("sensorium-train", METRICS),
        ("sensorium-cli", METRICS),
        (METRICS, "sensorium-core"),
        ("sensorium", METRICS),
        ("sensorium", "sensorium-train"),
        ("sensorium-bench", "sensorium-kernels"),
    ] {
        assert!(may_depend(from, to), "{from} on {to}");
    }
}
