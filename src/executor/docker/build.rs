//! `docker build` and `docker buildx build`.

use super::{Builder, Client};
use crate::executor::cancel::Cancel;
use crate::executor::engine::{BuildRequest, BuiltImage, EngineName, ImageId};
use crate::executor::error::{Error, StepFailure};
use crate::executor::event::{Event, Sink, Stream};
use crate::executor::process::last_lines;
use crate::executor::progress::{Failure, Progress, exit_code};
use crate::model::Dockerfile;
use crate::source::SourceFile;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// Builds; where the frontend that a `# syntax=` line names cannot be fetched, once more without it.
pub(super) fn build(
    client: &Client,
    builder: &Builder,
    request: &BuildRequest,
    events: &dyn Sink,
    cancel: &Cancel,
) -> Result<BuiltImage, Error> {
    check(builder, request)?;
    let file = Dockerfile::parse(SourceFile::new(name(request), request.dockerfile.as_str()));
    match run(client, builder, request, &request.dockerfile, &file, events, cancel)? {
        Ok(built) => Ok(built),
        Err(failure) if is_frontend_missing(&failure, &file) => {
            events.event(Event::Warning {
                message: &format!(
                    "no registry gave the frontend of the `# syntax=` line; a copy of {} without that line is built",
                    name(request)
                ),
            });
            let text = without_syntax(&file);
            run(client, builder, request, &text, &file, events, cancel)?
                .map_err(|failure| to_error(failure, request, &file))
        }
        Err(failure) => Err(to_error(failure, request, &file)),
    }
}

fn name(request: &BuildRequest) -> String {
    match request.dockerfile_name.as_os_str().is_empty() {
        true => "Dockerfile".to_owned(),
        false => request.dockerfile_name.display().to_string(),
    }
}

fn check(builder: &Builder, request: &BuildRequest) -> Result<(), Error> {
    let what = match builder {
        Builder::Buildx => return Ok(()),
        Builder::Engine if request.builder.is_some() => "a builder by name",
        Builder::Engine if !request.named_contexts.is_empty() => "a named context",
        Builder::Engine => return Ok(()),
    };
    Err(Error::Unsupported {
        engine: EngineName::Docker,
        what: format!("{what} (without buildx)"),
        help: Some("install the buildx plugin (packages docker-buildx or docker-buildx-plugin)".to_owned()),
    })
}

/// One build. The outer error is of the surroundings, the inner one what BuildKit says.
fn run(
    client: &Client,
    builder: &Builder,
    request: &BuildRequest,
    text: &str,
    file: &Dockerfile,
    events: &dyn Sink,
    cancel: &Cancel,
) -> Result<Result<BuiltImage, Failure>, Error> {
    let folder = client.folder()?;
    let dockerfile = write_dockerfile(folder.path(), request, text)?;
    let iid = folder.path().join("iid");
    let args = arguments(client, builder, request, &dockerfile, &iid);
    let mut progress = Progress::new(events);
    let mut stdout = Vec::new();
    let limits = &request.limits;
    let label = args.iter().skip_while(|arg| *arg != "--label").nth(1).cloned();
    let watched = client
        .program()
        .watch(args, limits.build, cancel, &mut |stream, bytes| {
            match stream {
                Stream::Stderr => progress.feed(bytes),
                // The image's id, and nothing else.
                Stream::Stdout => stdout.extend_from_slice(bytes),
            }
            match limits.step.and_then(|limit| Some((limit, progress.overdue(limit)?))) {
                Some((limit, step)) => Err(Error::Limit {
                    what: format!("`{step}`"),
                    limit: format!("{} s", limit.as_secs()),
                }),
                None => Ok(()),
            }
        });
    let status = match (watched, label.as_ref().and_then(|label| label.to_str())) {
        (Ok(status), _) => status,
        (Err(error), label) => {
            // The Engine may have been about to finish it all the same.
            label.into_iter().for_each(|label| client.forget(label));
            return Err(error);
        }
    };
    progress.finish();
    if !status.success() {
        return Ok(Err(progress.failure(file)));
    }
    let id = fs::read_to_string(&iid).map_err(Error::io("read", &iid))?;
    let id = ImageId(id.trim().to_owned());
    let config = client.config(&id)?;
    Ok(Ok(BuiltImage {
        id,
        config,
        steps: progress.steps(file),
    }))
}

/// The Dockerfile with the ignore file of its own, if it has one, in a folder of their own: the text
/// may not be what is on the disk.
fn write_dockerfile(folder: &Path, request: &BuildRequest, text: &str) -> Result<std::path::PathBuf, Error> {
    let dockerfile = folder.join("Dockerfile");
    fs::write(&dockerfile, text).map_err(Error::io("write", &dockerfile))?;
    let Some(own) = request.own_ignore_file() else {
        return Ok(dockerfile);
    };
    match fs::read(&own) {
        Ok(bytes) => {
            let copy = folder.join("Dockerfile.dockerignore");
            fs::write(&copy, bytes).map_err(Error::io("write", &copy))?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io("read", &own)(error)),
    }
    Ok(dockerfile)
}

fn arguments(
    client: &Client,
    builder: &Builder,
    request: &BuildRequest,
    dockerfile: &Path,
    iid: &Path,
) -> Vec<OsString> {
    let mut args: Vec<OsString> = Vec::new();
    let mut put = |arg: &str| args.push(arg.into());
    match builder {
        Builder::Buildx => {
            ["buildx", "build", "--load"].into_iter().for_each(&mut put);
            if let Some(name) = &request.builder {
                put("--builder");
                put(name);
            }
        }
        Builder::Engine => put("build"),
    }
    put("--progress=plain");
    args.extend(client.build_arguments(request));
    args.push("--iidfile".into());
    args.push(iid.into());
    args.push("--file".into());
    args.push(dockerfile.into());
    args.push("--".into());
    // A name that begins like an address is a folder all the same.
    args.push(
        std::path::absolute(&request.context)
            .unwrap_or_else(|_| request.context.clone())
            .into(),
    );
    args
}

fn is_frontend_missing(failure: &Failure, file: &Dockerfile) -> bool {
    let has_syntax = file.lines.directives.iter().any(|d| d.name == "syntax");
    let resolving = failure
        .work
        .as_deref()
        .is_some_and(|work| work.starts_with("resolve image config for"));
    has_syntax && (resolving || failure.message.contains("docker/dockerfile"))
}

/// The text with its `# syntax=` line emptied of meaning. The other directives stay directives, which
/// they only are above everything else; so its place is taken by a comment behind the last of them,
/// and all lines keep their numbers.
fn without_syntax(file: &Dockerfile) -> String {
    let text = file.source.text();
    let directives = &file.lines.directives;
    let line = |offset: usize| file.source.lines().line(offset);
    let taken_off: Vec<usize> = directives
        .iter()
        .filter(|d| d.name == "syntax")
        .map(|d| line(d.span.start))
        .collect();
    let last = directives.iter().map(|d| line(d.span.start)).max().unwrap_or(0);
    let mut out = String::with_capacity(text.len());
    let mut taken = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if taken_off.contains(&(index + 1)) {
            taken += 1;
        } else {
            out.push_str(line);
        }
        if index + 1 == last {
            out.push_str(&"#\n".repeat(taken));
        }
    }
    out
}

fn to_error(failure: Failure, request: &BuildRequest, file: &Dockerfile) -> Error {
    let file_name = name(request);
    let fetching = failure.work.as_deref().and_then(|work| {
        work.strip_prefix("load metadata for ")
            .or_else(|| work.strip_prefix("resolve image config for "))
    });
    let base = failure
        .instruction
        .as_deref()
        .and_then(|text| text.strip_prefix("FROM "))
        .and_then(|text| text.split_whitespace().next());
    if let Some(image) = fetching.or(base) {
        return Error::Image {
            reference: image.to_owned(),
            why: last_lines(&failure.message, 3),
            help: Some("is the name right, is the registry reachable, and is `docker login` done for it?".to_owned()),
        };
    }
    if let Some(instruction) = failure.instruction {
        let code = exit_code(&failure.message);
        let missing = code.is_none() && failure.message.contains("not found");
        return Error::Step(Box::new(StepFailure {
            file: file_name,
            line: failure.line,
            stage: failure.stage,
            instruction,
            message: match code {
                Some(code) => format!("exit code {code}"),
                None => last_lines(&failure.message, 5),
            },
            code,
            output: failure.output,
            help: missing.then(|| {
                "is the file in the build context, and does no line of .dockerignore leave it out?".to_owned()
            }),
        }));
    }
    // Of what Docker refuses, mbopt says more.
    let refusal = file.hard_refusals().next();
    if failure.line > 0 || refusal.is_some() {
        let message = refusal.map_or_else(|| last_lines(&failure.message, 3), |refusal| refusal.message.clone());
        let line = refusal.and_then(|refusal| refusal.line).unwrap_or(failure.line);
        return Error::Dockerfile {
            file: file_name,
            line,
            message,
            help: None,
        };
    }
    Error::Program {
        program: "docker build".to_owned(),
        message: last_lines(&failure.message, 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_directives_stay_when_the_frontend_goes() {
        let of = |text: &str| without_syntax(&Dockerfile::parse(SourceFile::new("Dockerfile", text)));
        assert_eq!(
            of("# syntax=docker/dockerfile:1\n# escape=`\nFROM x\n"),
            "# escape=`\n#\nFROM x\n"
        );
        assert_eq!(
            of("# escape=`\n# syntax=docker/dockerfile:1\nFROM x\n"),
            "# escape=`\n#\nFROM x\n"
        );
        assert_eq!(of("# syntax=a\nFROM x"), "#\nFROM x");
        assert_eq!(of("FROM x\n"), "FROM x\n");
    }
}
