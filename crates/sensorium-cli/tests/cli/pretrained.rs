//! Published weights, from a folder to a bundle.

use std::collections::BTreeMap;
use std::fs;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::json;

use crate::small::{Small, TRAIN};

const WIDTH: usize = 8;
const BLOCKS: usize = 2;

/// Reads the caption by the weights of `weights`, frozen.
const FROZEN: &[&str] = &[
    "--set",
    "trainer.epochs=2",
    "--set",
    "input_features.1={name: caption, type: text, encoder: {pretrained_model_name_or_path: weights}}",
];

/// The tensors of a small BERT, each number drawn from its place.
fn tensors(vocabulary: usize) -> Vec<(String, Vec<usize>)> {
    let mut tensors = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![vocabulary, WIDTH]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![16, WIDTH]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, WIDTH]),
    ];
    let mut pair = |name: String, inputs: usize, outputs: usize| {
        tensors.push((format!("{name}.weight"), vec![outputs, inputs]));
        tensors.push((format!("{name}.bias"), vec![outputs]));
    };
    for block in 0..BLOCKS {
        let layer = format!("encoder.layer.{block}");
        for part in ["self.query", "self.key", "self.value", "output.dense"] {
            pair(format!("{layer}.attention.{part}"), WIDTH, WIDTH);
        }
        pair(format!("{layer}.intermediate.dense"), WIDTH, 2 * WIDTH);
        pair(format!("{layer}.output.dense"), 2 * WIDTH, WIDTH);
    }
    let norms = (0..BLOCKS).flat_map(|block| {
        ["attention.output", "output"].map(|part| format!("encoder.layer.{block}.{part}"))
    });
    let norms: Vec<String> = norms.chain(["embeddings".to_owned()]).collect();
    for norm in norms {
        tensors.push((format!("{norm}.LayerNorm.weight"), vec![WIDTH]));
        tensors.push((format!("{norm}.LayerNorm.bias"), vec![WIDTH]));
    }
    tensors
}

/// Writes a folder in the Hugging Face layout, without the tensor that is called `missing`.
pub(crate) fn publish(small: &Small, missing: &str) {
    let folder = small.path("weights");
    fs::create_dir_all(&folder).unwrap();
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/text_tokenizer/wordpiece");
    fs::copy(format!("{golden}/tokenizer.json"), folder.join("tokenizer.json")).unwrap();
    let tokenizer: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("tokenizer.json")).unwrap()).unwrap();
    let ids = tokenizer["model"]["vocab"].as_object().unwrap().values();
    let last = ids.map(|id| id.as_u64().unwrap()).max().unwrap();
    let vocabulary = usize::try_from(last).unwrap() + 1;
    let tensors: Vec<_> = tensors(vocabulary)
        .into_iter()
        .filter(|(name, _)| name != missing)
        .map(|(name, shape)| {
            let count: usize = shape.iter().product();
            let value = |index: usize| ((index * 7 + name.len()) as f32).sin() / 2.0;
            let bytes: Vec<u8> = (0..count).flat_map(|index| value(index).to_le_bytes()).collect();
            (name, shape, bytes)
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    safetensors::serialize_to_file(views, None, &folder.join("model.safetensors")).unwrap();
    let config = json!({"model_type": "bert", "vocab_size": vocabulary, "hidden_size": WIDTH,
        "num_hidden_layers": BLOCKS, "num_attention_heads": 2, "intermediate_size": 2 * WIDTH,
        "max_position_embeddings": 16});
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
}

/// The tensors of a bundle that are of the caption's encoder, by their own names.
fn encoder(small: &Small, run: &str) -> BTreeMap<String, Vec<u8>> {
    let bytes = fs::read(small.path(&format!("results/{run}/model.safetensors"))).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let own = file.iter().filter_map(|(name, view)| {
        let name = name.strip_prefix("input_features.caption.encoder.")?;
        Some((name.to_owned(), view.data().to_vec()))
    });
    own.collect()
}

fn trained(small: &Small, more: &[&str]) -> String {
    let output = small.run(&[TRAIN, FROZEN, more].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn a_frozen_encoder_runs_once_a_cell_and_its_bundle_needs_no_folder() {
    let small = Small::new();
    publish(&small, "");
    let said = trained(&small, &[]);
    assert!(said.contains("caption: 105 rows embedded in"), "{said}");
    assert!(said.contains("0 read from the cache"), "{said}");
    let again = trained(&small, &[]);
    assert!(again.contains("0 cells encoded"), "{again}");
    let bundle =
        |run: &str| fs::read(small.path(&format!("results/{run}/model.safetensors"))).unwrap();
    assert!(bundle("experiment_run") == bundle("experiment_run_0"), "the cache changes no number");

    // What is predicted is what would be without the cache, and without the published folder.
    fs::remove_dir_all(small.path("weights")).unwrap();
    fs::remove_dir_all(small.path("results/embeddings")).unwrap();
    small.succeed(&["evaluate", "-m", "results/experiment_run", "--dataset", "table.csv"]);
}

#[test]
fn what_is_trained_of_an_encoder_is_what_the_config_says() {
    let small = Small::of_rows(48);
    publish(&small, "");
    let encoder_after = |keys: &str, model: &str| {
        let section =
            format!("input_features.1.encoder={{pretrained_model_name_or_path: weights{keys}}}");
        trained(&small, &["--model_name", model, "--set", &section]);
        encoder(&small, &format!("experiment_{model}"))
    };
    let frozen = encoder_after("", "frozen");
    let changed = |other: &BTreeMap<String, Vec<u8>>| -> Vec<String> {
        assert!(other.keys().eq(frozen.keys()), "adapters are merged");
        other
            .iter()
            .filter(|(name, data)| frozen[*name] != **data)
            .map(|(name, _)| name.clone())
            .collect()
    };
    let last = changed(&encoder_after(", num_trainable_blocks: 1", "last"));
    assert!(!last.is_empty() && last.iter().all(|name| name.starts_with("blocks.1.")), "{last:?}");
    let lora = changed(&encoder_after(", adapter: {type: lora, r: 2}", "lora"));
    assert!(!lora.is_empty() && lora.iter().all(|name| name.ends_with(".weight")), "{lora:?}");
    let all = changed(&encoder_after(", trainable: true, layer_decay: 0.9", "all"));
    assert!(all.len() > last.len() && all.contains(&"words.weight".to_owned()), "{all:?}");
}

#[test]
fn weights_that_do_not_fit_are_named_before_anything_is_trained() {
    let small = Small::of_rows(48);
    publish(&small, "encoder.layer.1.output.dense.bias");
    let refused = |more: &[&str]| {
        let output = small.run(&[TRAIN, FROZEN, more].concat());
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let missing = refused(&[]);
    let expected = "error: `weights` lacks the tensor `encoder.layer.1.output.dense.bias`, which the \
                    encoder needs for its `blocks.1.outer.bias`\n";
    assert!(missing.contains(expected), "{missing}");
    let wide = refused(&["--set", "input_features.1.encoder.intermediate_size=4"]);
    assert!(wide.contains("has the shape [16, 8], but [4, 8] was expected"), "{wide}");
    let other = refused(&["--set", "input_features.1.encoder.type=stacked_cnn"]);
    assert!(
        other.contains("there are no published weights for the encoder `stacked_cnn`"),
        "{other}"
    );
    fs::rename(small.path("weights/model.safetensors"), small.path("weights/pytorch_model.bin"))
        .unwrap();
    let pickle = refused(&[]);
    assert!(pickle.contains("scripts/safetensors_from_pytorch.py"), "{pickle}");
    assert!(!small.path("results/experiment_run/checkpoint.safetensors").exists());
}

#[test]
fn embeddings_of_a_table_stand_in_its_rows() {
    let small = Small::of_rows(48);
    publish(&small, "");
    let embed = ["embed", "--dataset", "table.csv", "-o"];
    small.succeed(&[&embed[..], &["a.jsonl", "--encoder", "caption=weights"]].concat());
    let rows: Vec<serde_json::Value> =
        small.read("a.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 48);
    for row in &rows {
        assert!(row["caption"].is_null() || row["caption"].as_array().unwrap().len() == WIDTH);
    }
    // One row in eight has no caption.
    assert_eq!(rows.iter().filter(|row| row["caption"].is_null()).count(), 6);
    small.succeed(&[&embed[..], &["a.parquet", "--encoder", "caption=weights"]].concat());
    trained(&small, &[]);
    small.succeed(&[&embed[..], &["b.jsonl", "-m", "results/experiment_run"]].concat());
    let first: serde_json::Value =
        serde_json::from_str(small.read("b.jsonl").lines().next().unwrap()).unwrap();
    assert_eq!(first["caption"], rows[0]["caption"], "the bundle's encoder is the published one");
    assert_eq!(first.as_object().unwrap().len(), 4, "every input has a column");
}

#[test]
fn a_table_of_one_row_is_encoded() {
    let small = Small::of_rows(12);
    publish(&small, "");
    let table = small.read("table.csv");
    let one: Vec<&str> = table.lines().take(2).collect();
    small.write("one.csv", one.join("\n"));
    let embed = ["embed", "--encoder", "caption=weights", "--dataset"];
    small.succeed(&[&embed[..], &["one.csv", "-o", "one.jsonl"]].concat());
    small.succeed(&[&embed[..], &["table.csv", "-o", "all.jsonl"]].concat());
    assert_eq!(small.read("one.jsonl").lines().next(), small.read("all.jsonl").lines().next());
}

#[test]
fn a_damaged_file_of_kept_embeddings_says_to_delete_it() {
    let small = Small::of_rows(48);
    publish(&small, "");
    trained(&small, FROZEN);
    let folder = small.path("results/embeddings");
    let path = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let errors = small.refused(&[TRAIN, FROZEN].concat());
    assert!(errors.contains("was altered"), "{errors}");
    assert!(errors.contains("hint: delete this file: what it holds is encoded again"), "{errors}");
    fs::remove_file(path).unwrap();
    trained(&small, FROZEN);
}
