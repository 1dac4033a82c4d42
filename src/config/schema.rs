//! The JSON schema of `mbopt.yaml`, for editors.

use super::document::STAGE_ROLES;
use serde_json::{Map, Value, json};

/// What the schema says of a rule.
#[derive(Debug, Clone, Copy)]
pub struct RuleEntry<'a> {
    /// Its id.
    pub id: &'a str,
    /// One line on it.
    pub summary: &'a str,
    /// The peers' codes for it.
    pub aliases: &'a [&'a str],
    /// Its options: name, kind (`bool`, `integer`, `string`, `list`), what it does.
    pub options: &'a [(&'a str, &'a str, &'a str)],
}

/// The schema (draft 2020-12), with these rules and categories in it.
pub fn schema(rules: &[RuleEntry<'_>], categories: &[&str]) -> Value {
    let mut names: Vec<&str> = vec!["all", "default"];
    names.extend(categories);
    let rule_names = || {
        rules
            .iter()
            .flat_map(|rule| std::iter::once(rule.id).chain(rule.aliases.iter().copied()))
    };
    names.extend(rule_names());
    let selectors = json!({
        "description": "`all`, `default`, categories, rules by id or by a peer's code.",
        "$ref": "#/$defs/selectors"
    });
    let mut severity = Map::new();
    let mut options = Map::new();
    for rule in rules {
        let level = json!({ "description": rule.summary, "$ref": "#/$defs/level" });
        for name in std::iter::once(rule.id).chain(rule.aliases.iter().copied()) {
            severity.insert(name.to_owned(), level.clone());
            options.insert(name.to_owned(), rule_options(rule));
        }
    }
    let severity = json!({
        "description": "The level of a rule's findings, or `off`.",
        "type": "object", "properties": severity, "additionalProperties": false
    });
    let options = json!({
        "description": "Options of rules.",
        "type": "object", "properties": options, "additionalProperties": false
    });
    let patterns = json!({ "$ref": "#/$defs/words" });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mbopt settings",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "extends": { "description": "Settings files that count before this one.", "$ref": "#/$defs/words" },
            "select": selectors,
            "ignore": selectors,
            "severity": severity,
            "fail-on": {
                "description": "From which level on findings make the exit code 1.",
                "enum": ["error", "warning", "info", "style", "never"]
            },
            "exclude": { "description": "Files and folders that are not linted.", "$ref": "#/$defs/words" },
            "overrides": {
                "description": "Settings for some files.",
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["files"],
                    "properties": {
                        "files": patterns, "select": selectors, "ignore": selectors,
                        "severity": severity, "rules": options
                    }
                }
            },
            "rules": options,
            "user-rules": { "description": "Files with rules of your own.", "$ref": "#/$defs/words" },
            "context": { "description": "The build context's folder.", "type": "string" },
            "shellcheck": { "description": "Whether ShellCheck looks at RUN scripts.", "enum": ["off", "auto", "require", false] },
            "stages": stages(),
            "registries": registries(),
            "verify": verify()
        },
        "$defs": {
            "level": { "enum": ["error", "warning", "info", "style", "off", false] },
            "words": {
                "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }]
            },
            "selectors": {
                "anyOf": [{ "enum": names }, { "type": "array", "items": { "enum": names } }]
            }
        }
    })
}

fn rule_options(rule: &RuleEntry<'_>) -> Value {
    let mut properties = Map::new();
    for (name, kind, what) in rule.options {
        let kind = match *kind {
            "bool" => "boolean",
            "list" => "array",
            "map" => "object",
            other => other,
        };
        properties.insert((*name).to_owned(), json!({ "type": kind, "description": what }));
    }
    json!({
        "description": rule.summary, "type": "object",
        "properties": properties, "additionalProperties": false
    })
}

fn registries() -> Value {
    json!({
        "description": "How the bundled engine reaches registries, by host and port; Docker Hub is `docker.io`.",
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "mirrors": {
                    "description": "Hosts, with a port and a path if need be, that are asked before it, in this order.",
                    "$ref": "#/$defs/words"
                },
                "http": {
                    "description": "It speaks HTTP without TLS; no credentials are sent to it then. This machine's own always may.",
                    "enum": [true, false, "on", "off"]
                }
            }
        }
    })
}

fn stages() -> Value {
    let mut names = Map::new();
    for role in STAGE_ROLES {
        names.insert(
            role.to_owned(),
            json!({ "type": "string", "pattern": "^[a-z][a-z0-9_.-]*$" }),
        );
    }
    json!({
        "description": "How multi-stage rewrites are made.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "rewrite": { "description": "Whether any are made.", "enum": ["on", "off", true, false] },
            "level": {
                "description": "The boldest that is made: cache order only, a slim base, the application's folder, or only what the build makes.",
                "enum": ["order", "slim", "application", "artifacts"]
            },
            "names": {
                "description": "What new stages are called.",
                "type": "object", "properties": names, "additionalProperties": false
            },
            "tester": {
                "description": "`leaf`: tests run with --target; `gate`: a build fails with its tests; `off`: no such stage.",
                "enum": ["leaf", "gate", "off", false]
            },
            "runtime": {
                "description": "The runtime's base: the smallest that will do, the slim variant, or the same image.",
                "enum": ["smallest", "slim", "same"]
            },
            "cache-mounts": {
                "description": "Whether RUNs that download or compile get a cache mount: where the file needs BuildKit anyway (`auto`), always, cargo's target folder too (`on`), or never.",
                "enum": ["auto", "on", "off", true, false]
            }
        }
    })
}

fn verify() -> Value {
    let variables =
        || json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean", "null"] } });
    json!({
        "description": "What `mbopt verify` tries on both images, and how.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "probes": {
                "description": "What is asked of both images: `http:8080/path`, `tcp:5432`, `exec` a program in the running container, or start the image with a `command`.",
                "type": "array",
                "items": {
                    "anyOf": [
                        { "type": "string", "pattern": "^(http|tcp|exec|command):" },
                        {
                            "type": "object", "additionalProperties": false,
                            "properties": {
                                "http": { "type": "string" },
                                "tcp": { "type": ["string", "integer"] },
                                "exec": { "$ref": "#/$defs/words" },
                                "command": { "$ref": "#/$defs/words" },
                                "env": variables()
                            }
                        }
                    ]
                }
            },
            "env": variables(),
            "patience": { "description": "How long a start may take, in seconds.", "type": "integer", "minimum": 1 }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::document::KEYS;
    use super::*;

    #[test]
    fn the_schema_has_every_key_and_rule() {
        let rule = RuleEntry {
            id: "a-rule",
            summary: "S",
            aliases: &["DL1"],
            options: &[("max", "integer", "W")],
        };
        let schema = schema(&[rule], &["size"]);
        let properties = schema["properties"].as_object().expect("properties");
        let mut keys = KEYS.to_vec();
        keys.sort_unstable();
        assert_eq!(properties.keys().map(String::as_str).collect::<Vec<_>>(), keys);
        assert_eq!(
            schema["properties"]["rules"]["properties"]["DL1"]["properties"]["max"]["type"],
            "integer"
        );
        assert!(schema["$defs"]["selectors"].to_string().contains("\"a-rule\""));
        assert_eq!(
            schema["properties"]["severity"]["properties"]["a-rule"]["$ref"],
            "#/$defs/level"
        );
    }
}
