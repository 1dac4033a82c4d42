//! Files that hold secrets, by their names.

/// Whether the file mostly holds settings, and only its text tells whether credentials, too.
pub fn may_be_settings(path: &str) -> bool {
    matches!(path.rsplit('/').next(), Some(".npmrc" | ".yarnrc.yml"))
}

/// Whether the text of such a file shows that it holds no credentials.
pub fn is_only_settings(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    !["_auth", "_password", "authtoken", "authident"]
        .iter()
        .any(|word| lower.contains(word))
}

/// What a path is, if it is a private file's: words for people.
pub fn kind(path: &str) -> Option<&'static str> {
    let mut parts = path.trim_end_matches('/').rsplit('/');
    let name = parts.next()?;
    let folder = parts.next().unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    if ["example", "sample", "template", "dist", "tmpl", "pub"]
        .iter()
        .any(|e| lower.rsplit('.').next() == Some(*e))
    {
        return None;
    }
    Some(match lower.as_str() {
        ".env" | ".env.local" | ".env.production" | ".env.prod" | ".envrc" => "an environment file",
        "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519" => "a private SSH key",
        ".ssh" => "a folder of SSH keys",
        ".aws" | ".gnupg" | ".kube" => "a folder of credentials",
        "config" | "credentials" if folder == ".aws" || folder == ".kube" => "credentials",
        "config.json" if folder == ".docker" => "registry credentials",
        ".dockercfg" | ".git-credentials" | ".netrc" | "_netrc" | ".pypirc" | ".pgpass" | ".my.cnf" | ".npmrc"
        | ".yarnrc.yml" | ".s3cfg" | ".htpasswd" | ".vault-token" => "a file for credentials",
        ".terraform.tfstate" | "terraform.tfstate" => "Terraform's state",
        _ if [".pfx", ".p12", ".jks", ".keystore", ".kdbx"]
            .iter()
            .any(|e| lower.ends_with(e)) =>
        {
            "a key store"
        }
        _ if lower.ends_with("_rsa") || lower.ends_with(".ppk") => "a private key",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn by_name() {
        for path in [".env", "a/id_rsa", "home/.ssh/", ".aws/credentials", "x.p12", ".npmrc"] {
            assert!(kind(path).is_some(), "{path}");
        }
        for path in [
            ".env.example",
            "id_rsa.pub",
            "config",
            "config.json",
            "credentials.rb",
            "key",
        ] {
            assert!(kind(path).is_none(), "{path}");
        }
    }
}
