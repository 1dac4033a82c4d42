//! Whether what an offer asks for holds.

use super::{ExtraFile, Look};
use crate::knowledge::{self, Libc, Need};
use crate::model::instruction::Healthcheck;
use crate::model::{Form, Kind};
use crate::plan::artifact::{Artifact, ArtifactKind, Linkage};
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::program::What;
use crate::plan::role::Role;
use crate::plan::site::Site;
use crate::plan::system::Use;

impl Look<'_> {
    /// What must hold for a need, and files that see to it.
    pub(super) fn condition(&self, need: Need, files: &mut Vec<ExtraFile>) -> Vec<Condition> {
        match need {
            Need::StaticBinary => vec![self.static_binary()],
            Need::GlibcBinary => vec![self.linked(Linkage::DynamicGlibc)],
            Need::MuslBinary => vec![self.linked(Linkage::DynamicMusl)],
            Need::ExecForm => vec![self.exec_form()],
            Need::PureOrBundled => vec![Condition::unproven(
                "nothing native is linked against libraries of the system",
                Vec::new(),
                "a build",
            )],
            Need::JreEnough => vec![self.jre()],
            Need::WebSdk => vec![self.web_sdk()],
            Need::ReleaseWithRuntime => vec![self.release()],
            Need::BundledLibstdcxx => vec![self.libstdcxx()],
            Need::NoTlsOrZones => self.certificates_and_zones(files),
        }
    }

    fn static_binary(&self) -> Condition {
        let what = "the binary needs no loader and no C library";
        let evidence = self.linkage_evidence();
        match self.linkage() {
            Some(Linkage::Static) => Condition::met(what, evidence),
            Some(Linkage::Unknown) => {
                Condition::unproven(what, evidence, "a static build, such as CGO_ENABLED=0 for Go")
            }
            _ => Condition::not_met(what, evidence),
        }
    }

    /// A binary is linked against the C library of the runtime, or against none.
    fn linked(&self, wanted: Linkage) -> Condition {
        let name = if wanted == Linkage::DynamicGlibc {
            "glibc"
        } else {
            "musl"
        };
        let what = format!("everything native was built for {name}, or needs no C library");
        let evidence = self.linkage_evidence();
        let builder = self.site.base.map_or(Libc::Unknown, |base| base.variant.libc);
        let same = builder
            == if wanted == Linkage::DynamicGlibc {
                Libc::Glibc
            } else {
                Libc::Musl
            };
        match self.linkage() {
            Some(Linkage::Static) => Condition::met(what, evidence),
            Some(linkage) if linkage == wanted => Condition::met(what, evidence),
            // What the builder links, it links against its own.
            Some(Linkage::Unknown) if same => Condition::met(
                what,
                vec![Evidence::image(format!("the builder's C library is {name}"))],
            ),
            None if same => Condition::met(
                what,
                vec![Evidence::image(format!("the builder's C library is {name}"))],
            ),
            _ => Condition::not_met(what, evidence),
        }
    }

    fn exec_form(&self) -> Condition {
        let what = "nothing needs a shell";
        let reasons = self.shell_reasons();
        if reasons.is_empty() {
            Condition::met(what, Vec::new())
        } else {
            Condition::not_met(what, reasons)
        }
    }

    /// Everything that a shell is needed for.
    fn shell_reasons(&self) -> Vec<Evidence> {
        let file = self.site.file();
        let mut reasons = Vec::new();
        for program in self.programs {
            let Some(instruction) = file.instructions.get(program.by) else {
                continue;
            };
            match &program.what {
                What::Interpreter { program, .. } if is_shell(program) => {
                    reasons.push(Evidence::cmd(instruction.span, "a shell runs a script"));
                }
                What::Shell => reasons.push(Evidence::cmd(instruction.span, "a shell is started")),
                What::Unknown(why) => reasons.push(Evidence::cmd(instruction.span, why.clone())),
                _ => {}
            }
        }
        let shell_forms = self.site.instructions().filter(|i| {
            matches!(
                i.kind,
                Kind::Cmd(Form::Shell(_))
                    | Kind::Entrypoint(Form::Shell(_))
                    | Kind::Healthcheck(Healthcheck::Cmd(Form::Shell(_)))
            ) && !self.site.facts.is_superseded(i)
        });
        reasons.extend(shell_forms.map(|i| Evidence::cmd(i.span, "it is run by a shell")));
        let setup = self.site.roles.iter().find(|r| {
            let run = file.instructions.get(r.place.instruction);
            r.role == Role::RuntimeSetup
                && run.is_some_and(|i| matches!(i.kind, Kind::Run { .. }))
                && !self.accounts_only(r.place.instruction)
        });
        reasons.extend(setup.map(|r| Evidence::command(r.span, "it prepares the stage that runs")));
        let package = self.system.found.iter().find(|p| !matches!(p.use_, Use::Build));
        reasons.extend(package.and_then(|p| p.evidence.first().cloned()));
        reasons
    }

    /// Whether a RUN does nothing but add accounts, whose files can be copied instead.
    pub(super) fn accounts_only(&self, index: usize) -> bool {
        let Some(instruction) = self.site.file().instructions.get(index) else {
            return false;
        };
        let mut commands = self.site.facts.commands(instruction).peekable();
        commands.peek().is_some()
            && commands.all(|c| matches!(c.name(), "useradd" | "adduser" | "groupadd" | "addgroup"))
    }

    fn jre(&self) -> Condition {
        let what = "no compiler or other tool of the JDK is started";
        const TOOLS: [&str; 12] = [
            "javac", "jlink", "jcmd", "jshell", "jstack", "jmap", "jstat", "jps", "jdeps", "jar", "javadoc", "jpackage",
        ];
        let tool = |word: &str| TOOLS.contains(&word.rsplit('/').next().unwrap_or(word));
        let started = self
            .programs
            .iter()
            .find(|p| p.words.iter().flat_map(|w| w.split_whitespace()).any(tool));
        if let Some(program) = started {
            let span = self.site.file().instructions.get(program.by).map(|i| i.span);
            return Condition::not_met(
                what,
                span.map(|s| Evidence::cmd(s, "it starts one")).into_iter().collect(),
            );
        }
        if let Some((_, evidence)) = self.needs.programs.iter().find(|(name, _)| tool(name)) {
            return Condition::not_met(what, vec![evidence.clone()]);
        }
        Condition::met(what, Vec::new())
    }

    /// An ASP.NET Core project needs its framework; any other does not.
    fn web_sdk(&self) -> Condition {
        let what = "the project is built with the SDK for the web";
        let Some(context) = self.site.context else {
            return Condition::unproven(what, Vec::new(), "the project file");
        };
        let projects = context
            .walk()
            .files
            .iter()
            .filter(|f| f.path.ends_with("proj"))
            .take(50);
        let mut seen = Vec::new();
        for project in projects {
            let text = context.read_text(&project.path).unwrap_or_default();
            if text.contains("Microsoft.NET.Sdk.Web") || text.contains("Microsoft.AspNetCore.App") {
                return Condition::met(
                    what,
                    vec![Evidence::manifest(&project.path, None, "it names the SDK for the web")],
                );
            }
            seen.push(Evidence::manifest(
                &project.path,
                None,
                "it does not name the SDK for the web",
            ));
        }
        Condition::not_met(what, seen)
    }

    fn release(&self) -> Condition {
        let what = "the release brings the language's run time";
        let mix = self
            .artifacts
            .iter()
            .find(|a| matches!(a.ecosystem, "elixir" | "erlang"));
        match mix {
            Some(artifact) => Condition::met(what, artifact.sources.clone()),
            None => Condition::not_met(what, Vec::new()),
        }
    }

    fn libstdcxx(&self) -> Condition {
        // Fortran's library comes with the compiler, as that of C++ does.
        let fortran = self.libraries().any(|l| l.contains("gfortran"));
        let library = if fortran { "libgfortran" } else { "libstdc++" };
        let what = format!("the binary needs no newer {library} than the release's");
        if self.linkage() == Some(Linkage::Static) {
            return Condition::met(what, self.linkage_evidence());
        }
        let linked_in = |a: &Artifact| {
            a.alter
                .as_ref()
                .is_some_and(|alter| matches!(&alter.kind, ArtifactKind::Binary { needs, .. } if needs.is_empty()))
        };
        let cxx = fortran
            || self.artifacts.iter().any(|a| {
                let names =
                    matches!(&a.kind, ArtifactKind::Binary { needs, .. } if needs.iter().any(|n| n.contains("stdc++")));
                names && !linked_in(a)
            });
        let c = self
            .artifacts
            .iter()
            .any(|a| matches!(a.kind, ArtifactKind::Binary { .. }));
        if !cxx && c {
            return Condition::met(what, vec![Evidence::tool("nothing is linked with libstdc++")]);
        }
        if has_its_libstdcxx(self.site) {
            return Condition::met(
                what,
                vec![Evidence::image(format!(
                    "the release's {library} is of the same GCC or a later one, which is compatible"
                ))],
            );
        }
        Condition::unproven(
            what,
            vec![Evidence::image(format!(
                "the {library} of the image gcc is newer than Debian's"
            ))],
            format!("-static-{library}, or a build that looks at the symbols"),
        )
    }

    /// On `scratch` there are neither; they are copied where the builder has them.
    fn certificates_and_zones(&self, files: &mut Vec<ExtraFile>) -> Vec<Condition> {
        let mut out = Vec::new();
        let before = self.site.base.map(|base| base.variant);
        if let Some(evidence) = &self.needs.certificates {
            let what = "certificates of authorities are at hand";
            if before.is_some_and(|v| v.brings(crate::knowledge::Brings::Certificates)) {
                files.push(ExtraFile {
                    from: "/etc/ssl/certs/ca-certificates.crt".to_owned(),
                    to: "/etc/ssl/certs/ca-certificates.crt".to_owned(),
                    why: evidence.clone(),
                });
                out.push(Condition::met(what, vec![evidence.clone()]));
            } else {
                out.push(Condition::not_met(what, vec![evidence.clone()]));
            }
        }
        if let Some(evidence) = &self.needs.zones {
            let what = "the table of time zones is at hand";
            if before.and_then(|v| v.config).is_some_and(|c| c.zones) {
                files.push(ExtraFile {
                    from: "/usr/share/zoneinfo/".to_owned(),
                    to: "/usr/share/zoneinfo/".to_owned(),
                    why: evidence.clone(),
                });
                out.push(Condition::met(what, vec![evidence.clone()]));
            } else {
                out.push(Condition::not_met(what, vec![evidence.clone()]));
            }
        }
        let writes_temporary = self.needs.files.iter().find(|n| n.path.starts_with("/tmp"));
        if let Some(need) = writes_temporary {
            out.push(Condition::not_met(
                "no folder for temporary files is needed",
                need.evidence.clone(),
            ));
        }
        if self.needs.certificates.is_none() && self.needs.zones.is_none() && !self.needs.conditions.is_empty() {
            // What was not looked through may need them.
            let open = self.needs.conditions.iter().any(|c| c.met != crate::plan::Met::Yes);
            if open {
                out.push(Condition::unproven(
                    "no certificates, time zones or temporary files are needed",
                    Vec::new(),
                    "a run of the image",
                ));
            }
        }
        out
    }
}

/// Whether a program is a shell.
pub fn is_shell(program: &str) -> bool {
    matches!(
        program.rsplit('/').next().unwrap_or(program),
        "sh" | "bash" | "ash" | "dash" | "zsh" | "ksh"
    )
}

/// Whether the Debian release that a program of the image `gcc` is run on has a libstdc++ that is not
/// older than the image's: the one that its tag names, or else the newest.
pub fn has_its_libstdcxx(site: &Site<'_>) -> bool {
    let tag = knowledge::Tag::parse(site.base_tag());
    let newest = || knowledge::newest("debian").and_then(|version| knowledge::named("debian", version));
    let has = tag.codename().or_else(newest).map(|release| release.gcc);
    let own: Option<u32> = tag.major().and_then(|major| major.parse().ok());
    own.zip(has).is_some_and(|(own, has)| own <= has)
}
