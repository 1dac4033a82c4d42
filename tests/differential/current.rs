//! A current BuildKit, through `buildctl`: for what the Engine of a distribution is too old for.

use crate::case::Case;
use crate::tree::Tree;
use crate::{Made, base};
use mbopt::executor::native::engine::Native;
use mbopt::executor::{BuildRequest, Cancel, Engine, Network, Output};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A `buildctl` that reaches a daemon by BUILDKIT_HOST.
pub struct Current {
    program: PathBuf,
    /// The base image, as BuildKit takes it: a folder, and its manifest's digest.
    layout: PathBuf,
    digest: String,
}

impl Current {
    /// What `MBOPT_TEST_BUILDCTL` names.
    pub fn find(work: &Path, native: &Native, bases: &base::Bases) -> Option<Current> {
        let program = PathBuf::from(std::env::var_os("MBOPT_TEST_BUILDCTL").filter(|name| !name.is_empty())?);
        let answer = Command::new(&program).args(["debug", "workers"]).output();
        let answer = answer.expect("MBOPT_TEST_BUILDCTL can be started");
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        let request = BuildRequest {
            dockerfile: format!("FROM {}\n", bases.name),
            context: work.to_owned(),
            network: Network::None,
            named_contexts: vec![(bases.name.clone(), bases.archive.clone())],
            ..BuildRequest::default()
        };
        let cancel = Cancel::new();
        let layout = work.join("base-layout");
        let built = native.build(&request, &(), &cancel).expect("the base is built");
        let to = Output::Oci(layout.clone(), None);
        native.export(&built.id, &to, &(), &cancel).expect("it is written");
        let index = std::fs::read(layout.join("index.json")).unwrap();
        let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
        Some(Current {
            program,
            digest: index["manifests"][0]["digest"].as_str().unwrap().to_owned(),
            layout,
        })
    }

    pub fn build(&self, case: &Case, folder: &Path) -> Result<Made, String> {
        let archive = folder.with_extension("current.tar");
        let mut command = Command::new(&self.program);
        command.args(["build", "--frontend=dockerfile.v0", "--progress=plain", "--no-cache"]);
        command.args(["--allow=network.host", "--opt=force-network-mode=host"]);
        command.arg(format!("--local=context={}", folder.display()));
        // A case may take it out of the context.
        let file = folder.with_extension("file");
        std::fs::create_dir_all(&file).unwrap();
        std::fs::write(file.join("Dockerfile"), case.dockerfile.replace("@base@", "base")).unwrap();
        let own = folder.join("Dockerfile.dockerignore");
        if own.exists() {
            std::fs::copy(own, file.join("Dockerfile.dockerignore")).unwrap();
        }
        command.arg(format!("--local=dockerfile={}", file.display()));
        command.arg(format!("--oci-layout=base={}", self.layout.display()));
        command.arg(format!("--opt=context:base=oci-layout://base@{}", self.digest));
        let to = archive.display();
        command.arg(format!(
            "--output=type=docker,compression=uncompressed,force-compression=true,dest={to}"
        ));
        if let Some(target) = &case.target {
            command.arg(format!("--opt=target={target}"));
        }
        for (name, value) in &case.args {
            command.arg(format!("--opt=build-arg:{name}={value}"));
        }
        for (id, _) in &case.secrets {
            let file = folder.with_extension(format!("secret-{id}"));
            command.arg(format!("--secret=id={id},src={}", file.display()));
        }
        let done = command.output().expect("buildctl can be started");
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            let end: Vec<&str> = said.trim_end().lines().rev().take(3).collect();
            return Err(end.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
        let file = mbopt::executor::image_file::ImageFile::docker_archive(&archive, None, &Cancel::new());
        let contents = file
            .and_then(|file| file.into_contents(&Cancel::new()))
            .map_err(|error| error.to_string())?;
        let made = Made {
            tree: Tree::of_contents(&contents),
            layers: contents.layers.len(),
            config: contents.config.clone(),
        };
        std::fs::remove_file(archive).unwrap();
        Ok(made)
    }
}
