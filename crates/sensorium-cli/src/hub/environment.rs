//! Where the hub and its cache are, as the ecosystem's environment variables say.
//!
//! Source: `huggingface_hub` 1.x, `constants.py` and `utils/_auth.py`; an empty variable is none.

use std::env;
use std::fs;
use std::path::PathBuf;

use crate::failure::Failure;

const ENDPOINT: &str = "https://huggingface.co";

/// What the environment says of the hub.
pub(super) struct Environment {
    /// The folder of all snapshots.
    pub(super) cache: PathBuf,
    /// The hub's address, without a slash at its end.
    pub(super) endpoint: String,
    pub(super) token: Option<String>,
    /// Whether nothing may be asked for.
    pub(super) is_offline: bool,
}

impl Environment {
    /// # Errors
    ///
    /// [`Failure`] where no variable says where the cache is, and the user has no home folder.
    pub(super) fn read() -> Result<Self, Failure> {
        let home = home();
        let cache = path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE"));
        let cache = cache.or_else(|| Some(home.as_ref()?.join("hub"))).ok_or_else(|| {
            Failure::new(
                "there is no home folder to keep models of the Hugging Face hub in",
                Some("set `HF_HOME` to a folder"),
            )
        })?;
        let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        Ok(Self {
            cache,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: token(home),
            is_offline: is_set("HF_HUB_OFFLINE") || is_set("TRANSFORMERS_OFFLINE"),
        })
    }
}

fn variable(name: &str) -> Option<String> {
    let value = path(name)?.into_os_string().into_string().ok()?.trim().to_owned();
    (!value.is_empty()).then_some(value)
}

#[expect(clippy::disallowed_methods, reason = "the binary may, and these are its user's settings")]
fn path(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The folder of the cache and of the token that `hf auth login` writes.
fn home() -> Option<PathBuf> {
    path("HF_HOME").or_else(|| {
        let caches = path("XDG_CACHE_HOME").or_else(|| Some(env::home_dir()?.join(".cache")));
        Some(caches?.join("huggingface"))
    })
}

fn token(home: Option<PathBuf>) -> Option<String> {
    variable("HF_TOKEN").or_else(|| variable("HUGGING_FACE_HUB_TOKEN")).or_else(|| {
        let file = path("HF_TOKEN_PATH").or_else(|| Some(home?.join("token")))?;
        let token = fs::read_to_string(file).ok()?.trim().to_owned();
        (!token.is_empty()).then_some(token)
    })
}

fn is_set(name: &str) -> bool {
    let yes = ["1", "on", "yes", "true"];
    variable(name).is_some_and(|value| yes.contains(&value.to_ascii_lowercase().as_str()))
}
