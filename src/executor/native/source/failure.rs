//! What went wrong at a registry, for people.

use crate::executor::Error;
use oci_client::errors::{OciDistributionError, OciErrorCode};

/// A failure, and whether another try may help.
pub(super) struct Failure {
    pub(super) why: String,
    pub(super) help: Option<String>,
    pub(super) again: bool,
    /// The registry wants to know who asks.
    pub(super) access: bool,
}

impl Failure {
    pub(super) fn new(why: impl Into<String>, help: Option<&str>) -> Failure {
        Failure {
            why: why.into(),
            help: help.map(str::to_owned),
            again: false,
            access: false,
        }
    }

    fn again(mut self) -> Failure {
        self.again = true;
        self
    }

    pub(super) fn of(self, reference: &str) -> Error {
        Error::Image {
            reference: reference.to_owned(),
            why: self.why,
            help: self.help,
        }
    }
}

/// What is told of a wrong digest.
pub(super) fn wrong_digest(host: &str, what: &str, got: &str, wanted: &str) -> Failure {
    Failure::new(
        format!("{host} sent {what} with the digest {got}, not {wanted}: it is damaged, or somebody changed it"),
        Some("try again; if that does not help, ask whoever runs the registry, or the proxy before it"),
    )
}

/// What a registry's answer means. `had` says whether we had credentials for it.
pub(super) fn read(host: &str, what: &str, had: bool, error: &OciDistributionError) -> Failure {
    match error {
        OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
            access(host, had)
        }
        OciDistributionError::ImageManifestNotFoundError(_) => unknown(host, what),
        OciDistributionError::RegistryError { envelope, .. } => {
            let codes: Vec<&OciErrorCode> = envelope.errors.iter().map(|error| &error.code).collect();
            let has = |wanted: &[OciErrorCode]| codes.iter().any(|code| wanted.contains(code));
            if has(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
                access(host, had)
            } else if has(&[
                OciErrorCode::ManifestUnknown,
                OciErrorCode::NameUnknown,
                OciErrorCode::NotFound,
                OciErrorCode::NameInvalid,
                OciErrorCode::BlobUnknown,
                OciErrorCode::ManifestBlobUnknown,
            ]) {
                unknown(host, what)
            } else if has(&[OciErrorCode::Toomanyrequests]) {
                limited(host)
            } else {
                let said: String = envelope
                    .to_string()
                    .chars()
                    .take(300)
                    .flat_map(char::escape_debug)
                    .collect();
                Failure::new(format!("{host} refuses {what}: {said}"), None)
            }
        }
        OciDistributionError::ServerError { code, .. } => match code {
            401 | 403 => access(host, had),
            404 => unknown(host, what),
            429 => limited(host),
            500.. => Failure::new(
                format!("{host} answered with the error {code}"),
                Some("try again later, or use a mirror"),
            )
            .again(),
            _ => Failure::new(format!("{host} answered with the error {code}"), None),
        },
        OciDistributionError::DigestError(error) => Failure::new(
            format!("what {host} sent for {what} is damaged, or somebody changed it: {error}"),
            Some("try again; if that does not help, ask whoever runs the registry, or the proxy before it"),
        ),
        OciDistributionError::RequestError(_) | OciDistributionError::IoError(_) => network(host, error),
        OciDistributionError::SpecViolationError(_)
        | OciDistributionError::RegistryTokenDecodeError(_)
        | OciDistributionError::HeaderValueError(_) => Failure::new(
            format!("{host} does not answer as a registry does"),
            Some("is that a registry's host and port?"),
        ),
        other => {
            let said: String = other
                .to_string()
                .chars()
                .take(300)
                .flat_map(char::escape_debug)
                .collect();
            Failure::new(format!("{host}: {said}"), None)
        }
    }
}

fn access(host: &str, had: bool) -> Failure {
    Failure {
        access: true,
        ..if had {
            Failure::new(
                format!(
                    "{host} does not accept the credentials that there are for it, or they do not allow this image"
                ),
                Some(&format!(
                    "log in again: `docker login {host}`; and check the image's name"
                )),
            )
        } else {
            Failure::new(
                format!(
                    "{host} wants credentials for it, and there are none; some registries say so of images that do not exist"
                ),
                Some(&format!("check the image's name, or log in: `docker login {host}`")),
            )
        }
    }
}

fn unknown(host: &str, what: &str) -> Failure {
    Failure::new(format!("{host} does not have {what}"), Some("check its name and tag"))
}

fn limited(host: &str) -> Failure {
    Failure::new(
        format!("{host} has answered too many requests of this network"),
        Some(&format!("wait, log in (`docker login {host}`), or use a mirror")),
    )
}

/// No connection, or one that broke.
pub(super) fn network(host: &str, error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        causes.push(error.to_string());
        next = error.source();
    }
    let cause = causes.last().cloned().unwrap_or_default();
    // Addresses of tokens are no secrets, but parts of them can be; the deepest cause has none.
    let cause: String = cause.chars().take(200).flat_map(char::escape_debug).collect();
    let all = causes.join("; ").to_lowercase();
    if all.contains("invalidcontenttype") || all.contains("wrong version number") || all.contains("corrupt message") {
        return Failure::new(
            format!("{host} does not speak TLS"),
            Some("if it is meant to speak plain HTTP, say `http: true` of it under `registries` in mbopt.yaml"),
        );
    }
    if all.contains("certificate") || all.contains("unknownissuer") {
        return Failure::new(
            format!("{host} shows a certificate that this machine does not trust: {cause}"),
            Some("install its authority's certificate, or name it with SSL_CERT_FILE"),
        );
    }
    Failure::new(
        format!("{host} cannot be reached: {cause}"),
        Some(
            "check the network and the proxy; without a network, use an image that was built or pulled before, \
             a mirror, `oci:DIR` or `docker-archive:FILE`",
        ),
    )
    .again()
}
