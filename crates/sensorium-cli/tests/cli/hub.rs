//! Published weights by their name on the Hugging Face hub, from a small hub of this machine.

use std::fs;
use std::process::Output;

use safetensors::SafeTensors;
use safetensors::tensor::serialize_to_file;
use serde_json::json;

use crate::hub_server::{COMMIT, Fault, HubServer};
use crate::pretrained::publish;
use crate::small::{Small, TRAIN};

/// Variables of the machine that would lead elsewhere than the test's hub and cache.
const VARIABLES: [&str; 13] = [
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HF_TOKEN_PATH",
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
];
const WEIGHTS: &str = "model.safetensors";
/// The model's place in the cache.
const CACHED: &str = "home/hub/models--owner--small";

/// A hub with the model `owner/small`, which lies in the folder `weights` too.
fn published() -> (Small, HubServer) {
    let small = Small::of_rows(48);
    publish(&small, "");
    let server = HubServer::start("owner/small", small.path("weights"));
    (small, server)
}

fn run(small: &Small, server: &HubServer, arguments: &[&str], set: &[(&str, &str)]) -> Output {
    let mut command = small.command(arguments);
    for name in VARIABLES {
        command.env_remove(name);
    }
    command.env("HF_HOME", small.path("home")).env("HF_ENDPOINT", server.endpoint());
    command.envs(set.iter().copied()).output().unwrap()
}

fn embed(small: &Small, server: &HubServer, model: &str, set: &[(&str, &str)]) -> Output {
    let encoder = format!("caption={model}");
    let arguments =
        ["embed", "--dataset", "table.csv", "-o", "embedded.jsonl", "--encoder", &encoder];
    run(small, server, &arguments, set)
}

fn embedded(small: &Small, server: &HubServer, model: &str, set: &[(&str, &str)]) -> String {
    let output = embed(small, server, model, set);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

fn refused(small: &Small, server: &HubServer, model: &str, set: &[(&str, &str)]) -> String {
    let output = embed(small, server, model, set);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    said
}

/// The model's file in the cache, where it is there.
fn cached(small: &Small, file: &str) -> Option<Vec<u8>> {
    fs::read(small.path(CACHED).join("snapshots").join(COMMIT).join(file)).ok()
}

#[test]
fn a_model_is_downloaded_once_and_is_what_the_hub_has() {
    let (small, server) = published();
    embedded(&small, &server, "weights", &[]);
    assert_eq!(server.requests(), [""; 0], "a folder asks for nothing");
    let by_folder = small.read("embedded.jsonl");

    let said = embedded(&small, &server, "owner/small", &[]);
    assert_eq!(said.matches("downloading owner/small").count(), 1, "{said}");
    assert_eq!(small.read("embedded.jsonl"), by_folder);
    assert_eq!(cached(&small, WEIGHTS), fs::read(small.path("weights").join(WEIGHTS)).ok());
    assert!(server.requests().iter().any(|path| path.contains("/resolve/main/config.json")));

    server.forget_requests();
    for offline in ["0", "1"] {
        let set = [("HF_HUB_OFFLINE", offline)];
        let said = embedded(&small, &server, "owner/small", &set);
        assert!(!said.contains("downloading"), "{said}");
        assert_eq!(small.read("embedded.jsonl"), by_folder);
    }
    assert_eq!(server.requests(), [""; 0]);
}

#[test]
fn what_a_cache_lacks_is_asked_for_and_nothing_else() {
    let (small, server) = published();
    embedded(&small, &server, "owner/small", &[]);
    server.forget_requests();
    let asked = format!("{CACHED}/.no_exist/{COMMIT}/preprocessor_config.json");
    fs::remove_file(small.path(&asked)).unwrap();
    embedded(&small, &server, "owner/small", &[]);
    let expected = format!("/owner/small/resolve/{COMMIT}/preprocessor_config.json");
    assert_eq!(server.requests(), [expected]);
    assert!(small.path(&asked).is_file(), "it is known again");
}

#[test]
fn a_revision_is_asked_for_by_its_name_and_an_unknown_one_is_named() {
    let (small, server) = published();
    embedded(&small, &server, "owner/small@refs/pr/1", &[]);
    let first = "/owner/small/resolve/refs%2Fpr%2F1/config.json";
    assert_eq!(server.requests().first().map(String::as_str), Some(first));
    server.forget_requests();
    embedded(&small, &server, &format!("owner/small@{COMMIT}"), &[]);
    assert_eq!(server.requests(), [""; 0], "the commit is in the cache");
    let said = refused(&small, &server, "owner/other@v2", &[]);
    let expected = "error: `owner/other` at `v2` has neither model.safetensors nor \
                    model.safetensors.index.json on http";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn the_parts_of_a_sharded_model_are_those_of_its_list() {
    let (small, server) = published();
    embedded(&small, &server, "weights", &[]);
    let by_folder = small.read("embedded.jsonl");
    shard(&small);
    embedded(&small, &server, "owner/small", &[]);
    assert_eq!(small.read("embedded.jsonl"), by_folder);
    server.forget_requests();
    embedded(&small, &server, "owner/small", &[]);
    assert_eq!(server.requests(), [""; 0]);

    let index = small.path("weights").join("model.safetensors.index.json");
    fs::write(index, r#"{"weight_map": {"a": "1.safetensors?download=true"}}"#).unwrap();
    fs::remove_dir_all(small.path("home")).unwrap();
    let said = refused(&small, &server, "owner/small", &[]);
    assert!(said.contains("names `1.safetensors?download=true` as a part"), "{said}");
}

/// Splits the weights into two files and their list.
fn shard(small: &Small) {
    let folder = small.path("weights");
    let bytes = fs::read(folder.join(WEIGHTS)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
    let (first, second) = tensors.split_at(tensors.len() / 2);
    let mut parts = serde_json::Map::new();
    for (tensors, name) in [(first, "model-1.safetensors"), (second, "model-2.safetensors")] {
        serialize_to_file(tensors.to_vec(), None, &folder.join(name)).unwrap();
        parts.extend(tensors.iter().map(|(tensor, _)| (tensor.clone(), json!(name))));
    }
    let index = json!({"weight_map": parts}).to_string();
    fs::write(folder.join("model.safetensors.index.json"), index).unwrap();
    fs::remove_file(folder.join(WEIGHTS)).unwrap();
}

#[test]
fn a_pickle_alone_is_refused_and_never_downloaded() {
    let (small, server) = published();
    let folder = small.path("weights");
    fs::rename(folder.join(WEIGHTS), folder.join("pytorch_model.bin")).unwrap();
    let said = refused(&small, &server, "owner/small", &[]);
    assert!(said.contains("`owner/small/pytorch_model.bin` is a pickle"), "{said}");
    assert!(said.contains("scripts/safetensors_from_pytorch.py"), "{said}");
    assert_eq!(cached(&small, "pytorch_model.bin"), None);
}

#[test]
fn offline_nothing_is_asked_for_and_what_is_missing_is_named() {
    let (small, server) = published();
    let said = refused(&small, &server, "owner/small", &[("HF_HUB_OFFLINE", "1")]);
    assert_eq!(server.requests(), [""; 0]);
    assert!(said.contains("the cache has neither model.safetensors nor"), "{said}");
    assert!(said.contains("of `owner/small` at `main`"), "{said}");
    assert!(said.contains(CACHED), "{said}");
    assert!(said.contains("hint: `HF_HUB_OFFLINE` forbids downloads"), "{said}");
}

#[test]
fn a_gated_model_asks_for_a_token_and_takes_it() {
    let (small, server) = published();
    server.ask_for_token("hf_secret");
    let said = refused(&small, &server, "owner/small", &[("HF_TOKEN", "hf_wrong")]);
    assert!(said.contains("answered 401 for `owner/small/config.json`"), "{said}");
    assert!(said.contains("give your token in `HF_TOKEN`"), "{said}");
    embedded(&small, &server, "owner/small", &[("HF_TOKEN", "hf_secret")]);

    // As the ecosystem's login leaves it.
    fs::remove_dir_all(small.path("home/hub")).unwrap();
    small.write("home/token", "hf_secret\n");
    embedded(&small, &server, "owner/small", &[]);
}

#[test]
fn a_connection_that_is_cut_leaves_nothing_that_could_be_used() {
    for fault in [Fault::Cut, Fault::CutSilently] {
        let (small, server) = published();
        server.fail_once(WEIGHTS, fault);
        let said = refused(&small, &server, "owner/small", &[]);
        assert!(said.contains("could not download `owner/small/model.safetensors`"), "{said}");
        assert_eq!(cached(&small, WEIGHTS), None, "{fault:?}");
        refused(&small, &server, "owner/small", &[("HF_HUB_OFFLINE", "1")]);

        embedded(&small, &server, "owner/small", &[]);
        let published = fs::read(small.path("weights").join(WEIGHTS)).ok();
        assert!(cached(&small, WEIGHTS) == published, "{fault:?}");
    }
}

#[test]
fn a_hub_that_cannot_be_reached_is_named() {
    let small = Small::of_rows(24);
    let server = HubServer::nowhere();
    let said = refused(&small, &server, "owner/small", &[]);
    let expected = format!("`owner/small/config.json` from {}", server.endpoint());
    assert!(said.contains(&expected), "{said}");
    assert!(said.contains("as no such path is here"), "{said}");
}

#[test]
fn a_tokenizer_is_downloaded_without_the_weights() {
    let (small, server) = published();
    let caption = "input_features.1={name: caption, type: text, preprocessing: {tokenizer: \
                   hf_tokenizer, pretrained_model_name_or_path: owner/small}, \
                   encoder: {type: embed, embedding_size: 8, output_size: 8}}";
    let arguments = [TRAIN, &["--set", "trainer.epochs=1", "--set", caption]].concat();
    let output = run(&small, &server, &arguments, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(cached(&small, "tokenizer.json").is_some());
    assert!(!server.requests().iter().any(|path| path.contains("safetensors")));
}
