# Recipes for people; `.ci/run` does the same and more from a fresh clone.

# Lists the recipes.
default:
    @just --list --unsorted

# Everything to run before a commit, cheapest first.
check: fmt typos clippy test

# One formatting, never discussed.
fmt:
    cargo fmt --all --check

# Spelling; `pip install typos` brings the tool.
typos:
    typos

# Lints, in the profile that the tests build in.
clippy:
    cargo clippy --release --workspace --all-targets -- -D warnings

# Every test, doc tests among them.
test:
    cargo test --release --workspace

# The documentation of our own crates.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps --exclude sensorium-cli

# Licences, sources and duplicates of dependencies; `cargo install cargo-deny` brings the tool.
deny:
    cargo deny --locked check licenses bans sources

# Fuzzes one target for a minute; `cargo install cargo-fuzz` brings the tool.
fuzz target:
    fuzz/seeds.sh
    cargo fuzz run --sanitizer none {{target}} -- -max_total_time=60 -rss_limit_mb=2048 -timeout=10

# Trains the example.
emoji:
    cargo run --release -- train --config examples/emoji/emoji.yaml --dataset examples/emoji/emoji.csv

# All that is checked on every change.
ci:
    .ci/run

# Writes a part's golden cases again, such as `just golden metrics/metrics`; reference/README.md says
# which Python and libraries it needs.
golden part:
    python3 reference/{{part}}.py
