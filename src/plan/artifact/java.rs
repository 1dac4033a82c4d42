//! Maven, Gradle, `javac` and `jar`.

use super::ArtifactKind;
use super::laid::{self, Laid, Way};
use super::outputs::{Output, Outputs};
use super::step::Step;
use crate::knowledge::ecosystem::Ecosystem;
use crate::plan::evidence::{Condition, Evidence};
use crate::shell::lies_in;

fn output(
    step: &Step,
    ecosystem: &'static Ecosystem,
    path: String,
    kind: ArtifactKind,
    sources: Vec<Evidence>,
) -> Output {
    Output {
        path,
        kind,
        place: step.place,
        sources,
        ecosystem: ecosystem.name,
        alter: None,
        explicit: false,
        conditions: Vec::new(),
    }
}

/// `mvn package` and what comes behind it.
pub fn maven(outputs: &mut Outputs<'_>, ecosystem: &'static Ecosystem, step: &Step) {
    let packs = |goal: &str| {
        matches!(
            goal,
            "package"
                | "install"
                | "verify"
                | "deploy"
                | "assembly:single"
                | "assembly:assembly"
                | "shade:shade"
                | "spring-boot:repackage"
        )
    };
    if !step.words.iter().any(|w| packs(w)) {
        return;
    }
    let folder = match step.option(&["-f", "--file"]) {
        Some(file) => step.path(file).map(|p| {
            if p.ends_with(".xml") {
                p.rsplit_once('/').map_or("/".to_owned(), |(f, _)| f.to_owned())
            } else {
                p
            }
        }),
        None => step.cwd.clone(),
    };
    let Some(folder) = folder else { return };
    modules(outputs, ecosystem, step, &folder, 0);
}

fn modules(outputs: &mut Outputs<'_>, ecosystem: &'static Ecosystem, step: &Step, folder: &str, depth: usize) {
    let folder = folder.trim_end_matches('/');
    let tool = Evidence::tool(format!("Maven writes archives to {folder}/target"));
    let file = outputs
        .site
        .context
        .and_then(|c| outputs.landing.existing(c, &format!("{folder}/pom.xml")));
    let pom = file.as_deref().and_then(|f| outputs.site.context?.pom(f));
    let (Some(pom), Some(file)) = (pom, file) else {
        for ending in ["jar", "war"] {
            let path = format!("{folder}/target/*.{ending}");
            outputs.push(output(step, ecosystem, path, ArtifactKind::Jar, vec![tool.clone()]));
        }
        return;
    };
    if pom.packaging != "pom" {
        let ending = match pom.packaging.as_str() {
            "war" | "ear" => pom.packaging.as_str(),
            _ => "jar",
        };
        // Plugins add classifiers (`-jar-with-dependencies`), so the whole name is CMD's to say.
        let says = match pom.archive() {
            Some(name) => format!("the archive is called {name}.{ending}"),
            None => format!("the archive is a {ending}"),
        };
        let sources = vec![Evidence::manifest(file.clone(), None, says), tool.clone()];
        outputs.push(output(
            step,
            ecosystem,
            format!("{folder}/target/*.{ending}"),
            ArtifactKind::Jar,
            sources,
        ));
        // Folders that plugins are told to fill.
        let text = outputs
            .site
            .context
            .and_then(|c| c.read_text(&file))
            .unwrap_or_default();
        for (index, line) in text.lines().enumerate() {
            let named = line
                .split_once("<outputDirectory>${project.build.directory}/")
                .and_then(|(_, rest)| Some(rest.split_once("</outputDirectory>")?.0))
                .filter(|name| !name.is_empty() && !name.contains(['$', '<']));
            if let Some(name) = named {
                let manifest =
                    Evidence::manifest(file.clone(), Some(index + 1), format!("a plugin fills target/{name}"));
                outputs.push(output(
                    step,
                    ecosystem,
                    format!("{folder}/target/{}/", name.trim_end_matches('/')),
                    ArtifactKind::Tree,
                    vec![manifest, tool.clone()],
                ));
            }
        }
        // Copied dependencies that a class path names.
        if step.words.iter().any(|w| w.contains("copy-dependencies"))
            || pom.plugins.iter().any(|p| p == "maven-dependency-plugin")
        {
            for name in ["dependency", "lib"] {
                let tool = Evidence::tool("maven-dependency-plugin copies dependencies");
                outputs.push(output(
                    step,
                    ecosystem,
                    format!("{folder}/target/{name}/"),
                    ArtifactKind::Tree,
                    vec![tool],
                ));
            }
        }
    }
    if pom.packaging == "jar" {
        class_path(outputs, step, folder, &file, &pom.plugins);
    }
    if depth < 4 {
        for module in &pom.modules {
            modules(outputs, ecosystem, step, &format!("{folder}/{module}"), depth + 1);
        }
    }
}

/// Archives that the manifest of the archive names, which lie in a folder beside it.
fn class_path(outputs: &mut Outputs<'_>, step: &Step, folder: &str, file: &str, plugins: &[String]) {
    let text = outputs.site.context.and_then(|c| c.read_text(file)).unwrap_or_default();
    let Some(at) = text.find("<addClasspath>true") else {
        return;
    };
    let line = Some(1 + text.get(..at).unwrap_or_default().matches('\n').count());
    let inner = |tag: &str| Some(text.split_once(&format!("<{tag}>"))?.1.split_once('<')?.0.trim());
    let prefix = inner("classpathPrefix").unwrap_or_default().trim_matches('/');
    if prefix.contains(['$', ':']) || prefix.starts_with("..") {
        return;
    }
    let path = format!("{folder}/target/{prefix}").trim_end_matches('/').to_owned() + "/";
    let evidence = Evidence::manifest(file, line, format!("the archive's class path names {prefix}/"));
    if !prefix.is_empty() && outputs.list.iter().any(|output| output.path == path) {
        laid::put(
            outputs,
            Laid {
                path,
                place: step.place,
                way: Way::Installed,
                from: None,
                evidence,
            },
        );
        return;
    }
    // An archive that holds all of them needs no others.
    let whole = [
        "maven-shade-plugin",
        "maven-assembly-plugin",
        "spring-boot-maven-plugin",
    ];
    let named = text.contains("<dependencies>") && !plugins.iter().any(|p| whole.contains(&p.as_str()));
    if named {
        outputs.conditions.push(Condition::unproven(
            "the archives that the program's own names are there at run time",
            vec![evidence],
            "a build that shows which plugin copies them",
        ));
    }
}

/// Gradle's archives and distributions.
pub fn gradle(outputs: &mut Outputs<'_>, ecosystem: &'static Ecosystem, step: &Step) {
    let folder = match step.option(&["-p", "--project-dir"]) {
        Some(folder) => step.path(folder),
        None => step.cwd.clone(),
    };
    let Some(folder) = folder else { return };
    let folder = folder.trim_end_matches('/');
    let tasks = step.operands(&["-p", "--project-dir", "-x", "--exclude-task", "-c", "-b", "-I", "-g"]);
    let has = |names: &[&str]| tasks.iter().any(|t| names.contains(&t.rsplit(':').next().unwrap_or(t)));
    let context = outputs.site.context;
    let settings = ["settings.gradle", "settings.gradle.kts"].into_iter().find_map(|name| {
        let file = outputs.landing.existing(context?, &format!("{folder}/{name}"))?;
        Some((context?.read_text(&file)?, file))
    });
    let mut projects = vec![String::new()];
    let mut name = None;
    if let Some((text, file)) = &settings {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            let quoted = || line.split(['"', '\'']).skip(1).step_by(2);
            if line.starts_with("include") && !line.starts_with("includeBuild") {
                projects.extend(quoted().map(|p| p.trim_start_matches(':').replace(':', "/")));
            } else if line.starts_with("rootProject.name") {
                name = quoted().next().map(|n| {
                    (
                        n.to_owned(),
                        Evidence::manifest(file.clone(), Some(index + 1), "the root project's name"),
                    )
                });
            }
        }
    }
    // `:app:shadowJar` builds a project, whether the settings could be read or not.
    for task in &tasks {
        if let Some((project, _)) = task.trim_start_matches(':').rsplit_once(':') {
            let project = project.replace(':', "/");
            if !projects.contains(&project) {
                projects.push(project);
            }
        }
    }
    for project in projects {
        let at = if project.is_empty() {
            folder.to_owned()
        } else {
            format!("{folder}/{project}")
        };
        let own = match &name {
            Some((name, evidence)) if project.is_empty() => Some((name.clone(), Some(evidence.clone()))),
            _ => Some((project.rsplit('/').next().unwrap_or_default().to_owned(), None)).filter(|(n, _)| !n.is_empty()),
        };
        let with = |evidence: Evidence| -> Vec<Evidence> {
            let manifest = own.as_ref().and_then(|(_, e)| e.clone());
            std::iter::once(evidence).chain(manifest).collect()
        };
        if has(&[
            "build",
            "assemble",
            "jar",
            "bootJar",
            "shadowJar",
            "fatJar",
            "war",
            "bootWar",
            "buildFatJar",
        ]) {
            for ending in ["jar", "war"] {
                let sources = with(Evidence::tool("Gradle writes archives to build/libs"));
                outputs.push(output(
                    step,
                    ecosystem,
                    format!("{at}/build/libs/*.{ending}"),
                    ArtifactKind::Jar,
                    sources,
                ));
            }
        }
        if has(&["installDist", "install", "installShadowDist"]) {
            let sources = with(Evidence::tool("Gradle writes an installation to build/install"));
            let path = match &own {
                Some((name, _)) => format!("{at}/build/install/{name}/"),
                None => format!("{at}/build/install/"),
            };
            outputs.push(output(step, ecosystem, path, ArtifactKind::Tree, sources));
        }
    }
}

/// Classes compiled one by one.
pub fn javac(outputs: &mut Outputs<'_>, ecosystem: &'static Ecosystem, step: &Step) {
    if let Some(folder) = step.option(&["-d"]) {
        let Some(path) = step.path(folder) else { return };
        let sources = vec![step.evidence(format!("`-d {folder}` names the folder of the classes"))];
        let jar = path.ends_with(".jar");
        let (path, kind) = if jar {
            (path, ArtifactKind::Jar)
        } else {
            (format!("{}/", path.trim_end_matches('/')), ArtifactKind::Tree)
        };
        let mut made = output(step, ecosystem, path, kind, sources);
        made.explicit = step.via.is_empty();
        outputs.push(made);
        return;
    }
    let mut folders: Vec<String> = Vec::new();
    for source in step.operands(&[
        "-cp",
        "-classpath",
        "--class-path",
        "-source",
        "-target",
        "--release",
        "-encoding",
        "-sourcepath",
    ]) {
        if !source.ends_with(".java") {
            continue;
        }
        let Some(path) = step.path(source) else { continue };
        let folder = path.rsplit_once('/').map_or("", |(f, _)| f).to_owned();
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    for folder in folders {
        let sources = vec![
            Evidence::tool("javac writes classes beside their sources"),
            step.evidence(format!("`{}` compiles them", step.text())),
        ];
        outputs.push(output(
            step,
            ecosystem,
            format!("{folder}/*.class"),
            ArtifactKind::Tree,
            sources,
        ));
    }
}

/// `jar cf x.jar ...`.
pub fn jar(outputs: &mut Outputs<'_>, ecosystem: &'static Ecosystem, step: &Step) {
    let named = step.option(&["-f", "--file"]).map(str::to_owned).or_else(|| {
        let (flags, rest) = step.words.split_first()?;
        let flags = flags.trim_start_matches('-');
        (flags.starts_with('c') && flags.contains('f')).then_some(())?;
        // The words behind the letters come in the letters' order: `cfe`, `cvfm`.
        let at = flags
            .chars()
            .filter(|c| matches!(c, 'f' | 'm' | 'e'))
            .position(|c| c == 'f')?;
        rest.get(at).cloned()
    });
    let Some(name) = named else { return };
    let Some(path) = step.path(&name) else { return };
    // What goes into the archive is not wanted beside it.
    let taken: Vec<String> = step.words.iter().filter_map(|w| step.path(w)).collect();
    for known in &mut outputs.list {
        if taken.iter().any(|t| lies_in(&known.path, t)) {
            known.explicit = false;
        }
    }
    let sources = vec![step.evidence(format!("`jar` writes {name}"))];
    let mut made = output(step, ecosystem, path, ArtifactKind::Jar, sources);
    made.explicit = step.via.is_empty();
    outputs.push(made);
}
