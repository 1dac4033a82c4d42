//! What the Docker config, or Podman's, knows of a registry. Nothing here is ever printed.

use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::secrets::RegistryAuth;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a credential helper may think.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is known.
pub(super) enum Credentials {
    /// Nothing.
    None,
    /// A name and a password.
    Known(RegistryAuth),
    /// Something, but it cannot be used; why.
    Unusable(String),
}

/// For a registry's host.
pub(super) fn of(registry: &str) -> Credentials {
    let server = match registry {
        "docker.io" | "index.docker.io" => "https://index.docker.io/v1/".to_owned(),
        other => other.to_owned(),
    };
    let (send, receive) = mpsc::channel();
    let asked = thread::Builder::new().name("credentials".into()).spawn(move || {
        let found = docker_credential::get_credential(&server).or_else(|error| match error {
            CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::ConfigReadError
            | CredentialRetrievalError::NoCredentialConfigured => {
                docker_credential::get_podman_credential(&server).map_err(|_| error)
            }
            error => Err(error),
        });
        let _ = send.send(found);
    });
    if asked.is_err() {
        return Credentials::None;
    }
    match receive.recv_timeout(PATIENCE) {
        Ok(Ok(DockerCredential::UsernamePassword(name, password))) => {
            // Some helpers answer for a registry that they do not know.
            if name.is_empty() && password.is_empty() {
                return Credentials::None;
            }
            Credentials::Known(RegistryAuth::Basic(name, password))
        }
        Ok(Ok(DockerCredential::IdentityToken(_))) => Credentials::Unusable(
            "the Docker config has an identity token for it, which only Docker itself can exchange".to_owned(),
        ),
        Ok(Err(error)) => match error {
            CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::ConfigReadError
            | CredentialRetrievalError::NoCredentialConfigured => Credentials::None,
            // What a helper writes may hold what it should keep to itself.
            CredentialRetrievalError::HelperFailure { helper, stdout, stderr } => {
                if stdout.contains("not found") || stderr.contains("not found") {
                    Credentials::None
                } else {
                    Credentials::Unusable(format!("the credential helper {helper} failed"))
                }
            }
            CredentialRetrievalError::HelperCommunicationError => {
                Credentials::Unusable("the credential helper of the Docker config cannot be run".to_owned())
            }
            _ => Credentials::Unusable("the Docker config's entry for it cannot be read".to_owned()),
        },
        Err(_) => Credentials::Unusable(format!(
            "the credential helper did not answer within {} s",
            PATIENCE.as_secs()
        )),
    }
}
