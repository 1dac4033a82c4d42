//! Which variables hold secrets, as far as their names and values tell.

use crate::model::Pair;

/// Words that make a name a secret's.
const SECRET: [&str; 10] = [
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "passwd",
    "password",
    "pword",
    "secret",
    "token",
];

/// Words that say that it is none.
const OPEN: [&str; 3] = ["file", "public", "version"];

/// Last words of names for the place or the way of a secret.
const PLACE: [&str; 10] = [
    "dir",
    "directory",
    "folder",
    "method",
    "mode",
    "path",
    "sock",
    "socket",
    "timeout",
    "type",
];

/// Values that only switch something. An empty one is none of them: the secret is meant to come.
const SWITCH: [&str; 10] = [
    "0", "1", "disabled", "enabled", "false", "no", "none", "off", "on", "true",
];

/// What a name without underscores ends with.
const ENDINGS: [&str; 10] = [
    "accesskey",
    "apikey",
    "authtoken",
    "accesstoken",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secret",
    "secretkey",
];

/// Whether a word between the underscores of `name` speaks of a secret, and none against it.
pub fn is_secret_name(name: &str) -> bool {
    let any = |list: &[&str]| {
        name.split('_')
            .any(|word| list.iter().any(|known| known.eq_ignore_ascii_case(word)))
    };
    any(&SECRET) && !any(&OPEN)
}

/// Whether `name` ends with a secret's word although it is not set off: `PGPASSWORD`, `secretKey`.
pub fn is_joined_secret_name(name: &str) -> bool {
    let Some(last) = name.rsplit('_').next() else {
        return false;
    };
    let lower = last.to_ascii_lowercase();
    !is_secret_name(name) && !is_open(name) && ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

fn is_open(name: &str) -> bool {
    name.split('_')
        .any(|word| OPEN.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

/// Whether the name is one of a place or a way, or the value a switch: nothing to hide.
pub fn is_harmless(pair: &Pair) -> bool {
    let name = key(pair);
    let last = name.rsplit('_').next().unwrap_or(name);
    let value = pair.value.as_ref().map(|v| v.value.trim_matches(['"', '\'']));
    PLACE.iter().any(|word| word.eq_ignore_ascii_case(last))
        || value.is_some_and(|v| v.eq_ignore_ascii_case("yes") || SWITCH.iter().any(|s| s.eq_ignore_ascii_case(v)))
}

/// The pair's key without quotes.
pub fn key(pair: &Pair) -> &str {
    pair.key.value.trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["DB_PASSWORD", "token", "GITHUB_TOKEN", "API_KEY_ID", "AUTH"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["MONKEY", "AUTHOR", "TOKEN_FILE", "PUBLIC_KEY", "USERNAME", "PGPASSWORD"] {
            assert!(!is_secret_name(name), "{name}");
        }
        assert!(is_joined_secret_name("PGPASSWORD") && is_joined_secret_name("cf_adminPassword"));
        assert!(!is_joined_secret_name("DB_PASSWORD") && !is_joined_secret_name("USERNAME"));
    }
}
