//! An image's config, as OCI and Docker write it.

use super::digest::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Operating system, architecture, variant, in Go's names: `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`, `arm64`, `arm`.
    pub architecture: String,
    /// `v7`; none where the architecture has none, or its usual one.
    pub variant: Option<String>,
}

impl Platform {
    /// This machine, as far as Linux images go.
    pub fn host() -> Platform {
        let (architecture, variant) = match std::env::consts::ARCH {
            "x86_64" => ("amd64", None),
            "aarch64" => ("arm64", None),
            "x86" => ("386", None),
            "arm" => ("arm", Some("v7")),
            "powerpc64" => ("ppc64le", None),
            "loongarch64" => ("loong64", None),
            other => (other, None),
        };
        Platform {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        }
    }

    /// Reads `linux/arm64`, `arm64`, `linux`, with the common other spellings of an architecture
    /// (`x86_64`, `aarch64`, `armhf`).
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn parse(text: &str) -> Result<Platform, crate::model::platform::PlatformError> {
        crate::model::platform::check(text)?;
        let lower = text.to_ascii_lowercase();
        let os = match crate::model::platform::system(&lower).as_str() {
            "macos" => "darwin".to_owned(),
            other => other.to_owned(),
        };
        let mut parts = lower.split('/');
        let first = parts.next().unwrap_or_default();
        let (architecture, variant) = match parts.next() {
            Some(architecture) => (architecture, parts.next()),
            None if first.split('(').next() == Some(os.as_str()) || first == "macos" => {
                return Ok(Platform { os, ..Platform::host() });
            }
            None => (first, None),
        };
        let (architecture, variant) = match (architecture, variant) {
            ("x86_64" | "x86-64" | "amd64", v) => ("amd64", v.filter(|v| *v != "v1")),
            ("aarch64" | "arm64", v) => ("arm64", v.filter(|v| !matches!(*v, "8" | "v8"))),
            ("i386" | "386", _) => ("386", None),
            ("armhf", _) => ("arm", Some("v7")),
            ("armel", _) => ("arm", Some("v6")),
            ("arm", None | Some("" | "7" | "v7")) => ("arm", Some("v7")),
            ("arm", Some("5")) => ("arm", Some("v5")),
            ("arm", Some("6")) => ("arm", Some("v6")),
            ("arm", Some("8")) => ("arm", Some("v8")),
            (other, v) => (other, v),
        };
        Ok(Platform {
            os,
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        })
    }
}

impl Default for Platform {
    fn default() -> Platform {
        Platform::host()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// An image's config. Fields that are not known here are kept and written back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageConfig {
    /// What it runs on.
    pub platform: Platform,
    /// RFC 3339.
    pub created: Option<String>,
    /// MAINTAINER.
    pub author: Option<String>,
    /// USER; empty is root.
    pub user: String,
    /// ENV, in order.
    pub env: Vec<(String, String)>,
    /// ENTRYPOINT.
    pub entrypoint: Option<Vec<String>>,
    /// CMD.
    pub cmd: Option<Vec<String>>,
    /// WORKDIR; empty is `/`.
    pub working_dir: String,
    /// EXPOSE: `80/tcp`.
    pub exposed_ports: BTreeSet<String>,
    /// VOLUME.
    pub volumes: BTreeSet<String>,
    /// LABEL.
    pub labels: BTreeMap<String, String>,
    /// STOPSIGNAL.
    pub stop_signal: Option<String>,
    /// HEALTHCHECK.
    pub healthcheck: Option<Healthcheck>,
    /// SHELL.
    pub shell: Option<Vec<String>>,
    /// ONBUILD.
    pub onbuild: Vec<String>,
    /// CMD or ENTRYPOINT was written for a shell.
    pub args_escaped: bool,
    /// How it came to be.
    pub history: Vec<History>,
    /// Its layers, lowest first.
    pub diff_ids: Vec<Digest>,
    /// Fields beside `config` that are not known here.
    pub extra: Map<String, Value>,
    /// Fields inside `config` that are not known here.
    pub extra_config: Map<String, Value>,
}

/// HEALTHCHECK. Times are nanoseconds; 0 is the engine's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", ...]`, `["CMD-SHELL", ...]`; empty inherits.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub test: Vec<String>,
    /// Between two checks.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// For one check.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub timeout: i64,
    /// Before failures count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start_period: i64,
    /// Between two checks before failures count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    /// Failures in a row that make it unhealthy.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: i64,
}

/// One step of how an image came to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// MAINTAINER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// `buildkit.dockerfile.v0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// It made no layer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// Docker writes `null` where a list is empty.
fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// The JSON object around it all.
#[derive(Serialize, Deserialize)]
struct Document {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    config: Inner,
    #[serde(default)]
    rootfs: RootFs,
    #[serde(default, deserialize_with = "nullable")]
    history: Vec<History>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Default, Serialize, Deserialize)]
struct RootFs {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default, deserialize_with = "nullable")]
    diff_ids: Vec<Digest>,
}

type Set = BTreeMap<String, Map<String, Value>>;

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inner {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    user: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable")]
    exposed_ports: Set,
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    env: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entrypoint: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cmd: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    healthcheck: Option<Healthcheck>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    args_escaped: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable")]
    volumes: Set,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    working_dir: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    on_build: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable")]
    labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stop_signal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shell: Option<Vec<String>>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// Fields that Docker adds for itself and that say nothing about the image.
const TRANSIENT: [&str; 4] = ["container", "container_config", "docker_version", "id"];

impl ImageConfig {
    /// Reads a config file.
    ///
    /// # Errors
    /// It is no JSON, or a field has a wrong type.
    pub fn from_json(bytes: &[u8]) -> Result<ImageConfig, serde_json::Error> {
        let mut document: Document = serde_json::from_slice(bytes)?;
        for key in TRANSIENT {
            document.extra.remove(key);
        }
        let mut inner = document.config;
        // Engines from before BuildKit write what a container would be started with.
        inner.extra.retain(|_, value| !is_empty(value));
        let env = inner.env.into_iter().map(|pair| match pair.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => (pair, String::new()),
        });
        Ok(ImageConfig {
            platform: Platform {
                os: document.os,
                architecture: document.architecture,
                variant: document.variant,
            },
            created: document.created,
            author: document.author.filter(|author| !author.is_empty()),
            user: inner.user,
            env: env.collect(),
            entrypoint: inner.entrypoint,
            cmd: inner.cmd,
            working_dir: inner.working_dir,
            exposed_ports: inner.exposed_ports.into_keys().collect(),
            volumes: inner.volumes.into_keys().collect(),
            labels: inner.labels,
            stop_signal: inner.stop_signal.filter(|signal| !signal.is_empty()),
            healthcheck: inner.healthcheck,
            shell: inner.shell,
            onbuild: inner.on_build,
            args_escaped: inner.args_escaped,
            history: document.history,
            diff_ids: document.rootfs.diff_ids,
            extra: document.extra,
            extra_config: inner.extra,
        })
    }

    /// Writes a config file: always the same bytes for the same config.
    pub fn to_json(&self) -> Vec<u8> {
        let set = |names: &BTreeSet<String>| names.iter().map(|name| (name.clone(), Map::new())).collect();
        let document = Document {
            architecture: self.platform.architecture.clone(),
            os: self.platform.os.clone(),
            variant: self.platform.variant.clone(),
            created: self.created.clone(),
            author: self.author.clone(),
            config: Inner {
                user: self.user.clone(),
                exposed_ports: set(&self.exposed_ports),
                env: self.env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
                entrypoint: self.entrypoint.clone(),
                cmd: self.cmd.clone(),
                healthcheck: self.healthcheck.clone(),
                args_escaped: self.args_escaped,
                volumes: set(&self.volumes),
                working_dir: self.working_dir.clone(),
                on_build: self.onbuild.clone(),
                labels: self.labels.clone(),
                stop_signal: self.stop_signal.clone(),
                shell: self.shell.clone(),
                extra: self.extra_config.clone(),
            },
            rootfs: RootFs {
                kind: "layers".to_owned(),
                diff_ids: self.diff_ids.clone(),
            },
            history: self.history.clone(),
            extra: self.extra.clone(),
        };
        // All keys are strings, so that nothing of it can fail.
        serde_json::to_vec(&document).unwrap_or_default()
    }

    /// The value of an environment variable.
    pub fn env(&self, name: &str) -> Option<&str> {
        self.env
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Sets an environment variable where it stands, or adds it at the end.
    pub fn set_env(&mut self, name: &str, value: &str) {
        match self.env.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.env.push((name.to_owned(), value.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_it_does_not_know() {
        let text = format!(
            r#"{{"architecture":"arm64","os":"linux","variant":"v8","os.version":"1","docker_version":"20","created":"2024-01-01T00:00:00Z",
            "config":{{"Env":["A=b=c","B="],"Cmd":["x"],"Entrypoint":null,"ExposedPorts":{{"80/tcp":{{}}}},"Volumes":null,"WorkingDir":"/w","Labels":{{"l":"1"}},
            "OnBuild":["RUN x"],"Healthcheck":{{"Test":["CMD","y"],"Interval":5}},"Memory":3}},
            "rootfs":{{"type":"layers","diff_ids":["sha256:{}"]}},"history":[{{"created_by":"RUN x","empty_layer":true}}]}}"#,
            "a".repeat(64)
        );
        let config = ImageConfig::from_json(text.as_bytes()).expect("it is a config");
        assert_eq!(config.env, [("A".into(), "b=c".into()), ("B".into(), String::new())]);
        assert_eq!(config.platform.to_string(), "linux/arm64/v8");
        assert!(config.exposed_ports.contains("80/tcp") && config.volumes.is_empty() && config.entrypoint.is_none());
        assert_eq!(config.extra_config.get("Memory"), Some(&Value::from(3)));
        assert!(config.extra.contains_key("os.version") && !config.extra.contains_key("docker_version"));
        assert!(config.history[0].empty_layer && config.healthcheck.as_ref().is_some_and(|h| h.interval == 5));
        let again = ImageConfig::from_json(&config.to_json()).expect("what was written is a config");
        assert_eq!(again, config);
    }

    #[test]
    fn env_is_set_in_place() {
        let mut config = ImageConfig::default();
        for (name, value) in [("A", "1"), ("B", "2"), ("A", "3")] {
            config.set_env(name, value);
        }
        assert_eq!(config.env, [("A".into(), "3".into()), ("B".into(), "2".into())]);
        assert_eq!(config.env("B"), Some("2"));
    }

    #[test]
    fn platforms_have_one_spelling() {
        let name = |text| Platform::parse(text).map(|p| p.to_string());
        assert_eq!(name("linux/x86_64").as_deref(), Ok("linux/amd64"));
        assert_eq!(name("aarch64").as_deref(), Ok("linux/arm64"));
        assert_eq!(name("linux/arm/7").as_deref(), Ok("linux/arm/v7"));
        assert_eq!(name("linux"), Ok(format!("linux/{}", Platform::host().architecture)));
        assert!(Platform::parse("a/b/c/d").is_err());
    }
}
