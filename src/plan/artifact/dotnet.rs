//! `dotnet publish` and `dotnet build`.

use super::ArtifactKind;
use super::outputs::{Output, Outputs};
use super::step::Step;
use crate::context::sources::has_wildcard;
use crate::knowledge::ecosystem::Ecosystem;
use crate::plan::evidence::Evidence;
use std::sync::Arc;

/// Takes note of what the step makes.
pub fn step(outputs: &mut Outputs<'_>, ecosystem: &'static Ecosystem, step: &Step) {
    let publish = step.has("publish");
    let with_value = [
        "-o",
        "--output",
        "-c",
        "--configuration",
        "-f",
        "--framework",
        "-r",
        "--runtime",
        "-v",
        "--verbosity",
        "-a",
        "--arch",
        "--os",
    ];
    let operands = step.operands(&with_value);
    let project = operands.iter().skip(1).find(|o| !o.starts_with('/'));
    let Some(at) = step.path(project.copied().unwrap_or(".")) else {
        return;
    };
    let found = found(outputs, &at);
    let mut sources = Vec::new();
    let path = match step.option(&["-o", "--output"]) {
        Some(folder) => {
            sources.push(step.evidence(format!("`-o {folder}` names the folder")));
            match step.path(folder) {
                Some(path) => path,
                None => return,
            }
        }
        None => {
            let Some((_, file, project)) = &found else { return };
            let Some(framework) = step
                .option(&["-f", "--framework"])
                .map(str::to_owned)
                .or(project.framework.clone())
            else {
                return;
            };
            let number = framework.trim_start_matches("netcoreapp").trim_start_matches("net");
            let major: u32 = number
                .split('.')
                .next()
                .and_then(|n| n.parse().ok())
                .unwrap_or_default();
            let default = if publish && major >= 8 { "Release" } else { "Debug" };
            let configuration = step.option(&["-c", "--configuration"]).unwrap_or(default);
            let runtime = step
                .option(&["-r", "--runtime"])
                .map(str::to_owned)
                .or(project.runtime.clone());
            let below = runtime.map(|r| format!("/{r}")).unwrap_or_default();
            let end = if publish { "/publish" } else { "" };
            let folder = if at.contains("proj") && at.rsplit('/').next().is_some_and(|n| n.contains('.')) {
                at.rsplit_once('/').map_or("", |(f, _)| f)
            } else {
                at.as_str()
            };
            sources.push(Evidence::manifest(
                file.clone(),
                None,
                format!("the target framework is {framework}"),
            ));
            sources.push(Evidence::tool("`dotnet` writes to bin below the project"));
            format!("{folder}/bin/{configuration}/{framework}{below}{end}")
        }
    };
    if let Some((name, file, project)) = &found {
        let assembly = project.assembly.as_ref().unwrap_or(name);
        sources.push(Evidence::manifest(
            file.clone(),
            None,
            format!("the assembly is called {assembly}"),
        ));
    }
    outputs.push(Output {
        path: format!("{}/", path.trim_end_matches('/')),
        kind: ArtifactKind::Assembly,
        place: step.place,
        sources,
        ecosystem: ecosystem.name,
        alter: None,
        explicit: step.via.is_empty() && step.option(&["-o", "--output"]).is_some(),
        conditions: Vec::new(),
    });
}

/// The project file at a path or in a folder: its stem, its path in the context, what it says.
fn found(outputs: &Outputs<'_>, at: &str) -> Option<(String, String, Arc<crate::context::manifests::DotNetProject>)> {
    let context = outputs.site.context?;
    let path = outputs.landing.context_of(at)?;
    let files = if path.ends_with("proj") {
        vec![path]
    } else {
        let below = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        if has_wildcard(&below) {
            return None;
        }
        context.glob(&format!("{below}*.*proj"))
    };
    files.into_iter().find_map(|file| {
        let name = file.rsplit('/').next()?;
        let stem = name.rsplit_once('.')?.0.to_owned();
        let project = context.dotnet_project(&file)?;
        Some((stem, file, project))
    })
}
