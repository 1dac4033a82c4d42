//! `pom.xml` and .NET project files.

use roxmltree::{Document, Node, ParsingOptions};

/// What a `pom.xml` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pom {
    /// `artifactId`.
    pub artifact: Option<String>,
    /// `version`, its parent's where it has none.
    pub version: Option<String>,
    /// `packaging`: `jar` unless it says otherwise.
    pub packaging: String,
    /// `build.finalName`, variables replaced where the file sets them.
    pub final_name: Option<String>,
    /// `modules`: folders.
    pub modules: Vec<String>,
    /// `artifactId`s of the plugins.
    pub plugins: Vec<String>,
    /// `artifactId`s of the dependencies.
    pub dependencies: Vec<String>,
}

impl Pom {
    /// Reads the text; none where it is no XML.
    pub fn parse(text: &str) -> Option<Pom> {
        let document = document(text)?;
        let project = document.root_element();
        let value = |name: &str| child(project, name).and_then(text_of);
        let parent = child(project, "parent");
        let artifact = value("artifactId");
        let version = value("version").or_else(|| child(parent?, "version").and_then(text_of));
        let properties = child(project, "properties");
        let replace = |text: String| {
            let mut text = text;
            let known = [
                ("${project.artifactId}", artifact.clone()),
                ("${artifactId}", artifact.clone()),
                ("${project.version}", version.clone()),
                ("${project.name}", value("name")),
                ("${version}", version.clone()),
            ];
            for (name, value) in known {
                if let Some(value) = value {
                    text = text.replace(name, &value);
                }
            }
            for property in properties
                .into_iter()
                .flat_map(|p| p.children())
                .filter(Node::is_element)
            {
                let name = format!("${{{}}}", property.tag_name().name());
                if let Some(value) = text_of(property).filter(|_| text.contains(&name)) {
                    text = text.replace(&name, &value);
                }
            }
            text
        };
        let build = child(project, "build");
        let final_name = build
            .and_then(|b| child(b, "finalName"))
            .and_then(text_of)
            .map(&replace);
        let list = |parent: Option<Node<'_, '_>>, list: &str, item: &str| -> Vec<String> {
            let items = parent
                .and_then(|p| child(p, list))
                .into_iter()
                .flat_map(|l| l.children());
            items
                .filter(|n| n.has_tag_name_any(item))
                .filter_map(|n| child(n, "artifactId").map_or_else(|| text_of(n), text_of))
                .collect()
        };
        Some(Pom {
            packaging: value("packaging").unwrap_or_else(|| "jar".to_owned()),
            modules: list(Some(project), "modules", "module"),
            plugins: list(build, "plugins", "plugin"),
            dependencies: list(Some(project), "dependencies", "dependency"),
            version: version.clone().map(&replace),
            final_name,
            artifact,
        })
    }

    /// The name of the archive, without its ending.
    pub fn archive(&self) -> Option<String> {
        if let Some(name) = &self.final_name {
            return Some(name.clone());
        }
        Some(format!("{}-{}", self.artifact.as_deref()?, self.version.as_deref()?))
    }
}

/// What a project file of .NET says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DotNetProject {
    /// `Sdk`: `Microsoft.NET.Sdk.Web`.
    pub sdk: Option<String>,
    /// `AssemblyName`.
    pub assembly: Option<String>,
    /// `TargetFramework`, or the first of `TargetFrameworks`.
    pub framework: Option<String>,
    /// `OutputType`: `Exe`.
    pub output: Option<String>,
    /// `RuntimeIdentifier`.
    pub runtime: Option<String>,
    /// `SelfContained` or `PublishAot`.
    pub self_contained: bool,
}

impl DotNetProject {
    /// Reads the text; none where it is no XML.
    pub fn parse(text: &str) -> Option<DotNetProject> {
        let document = document(text)?;
        let project = document.root_element();
        let value = |name: &str| {
            let found = project.descendants().find(|n| n.has_tag_name_any(name));
            found.and_then(text_of)
        };
        let is = |name: &str| value(name).is_some_and(|v| v.eq_ignore_ascii_case("true"));
        Some(DotNetProject {
            sdk: project.attribute("Sdk").map(str::to_owned),
            assembly: value("AssemblyName"),
            framework: value("TargetFramework")
                .or_else(|| value("TargetFrameworks").and_then(|all| all.split(';').next().map(str::to_owned))),
            output: value("OutputType"),
            runtime: value("RuntimeIdentifier"),
            self_contained: is("SelfContained") || is("PublishAot"),
        })
    }
}

fn document(text: &str) -> Option<Document<'_>> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text.trim_start(), options).ok()
}

/// Names are compared without their namespace.
trait AnyNamespace {
    fn has_tag_name_any(&self, name: &str) -> bool;
}

impl AnyNamespace for Node<'_, '_> {
    fn has_tag_name_any(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|n| n.has_tag_name_any(name))
}

fn text_of(node: Node<'_, '_>) -> Option<String> {
    node.text().map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poms_are_read() {
        let text = r#"<?xml version="1.0"?><project xmlns="http://maven.apache.org/POM/4.0.0">
            <parent><artifactId>above</artifactId><version>2.0</version></parent>
            <artifactId>srv</artifactId><properties><rev>7</rev></properties>
            <modules><module>api</module><module>web</module></modules>
            <dependencies><dependency><artifactId>gson</artifactId></dependency></dependencies>
            <build><finalName>${project.artifactId}-${rev}</finalName><plugins><plugin><artifactId>p</artifactId></plugin></plugins></build></project>"#;
        let pom = Pom::parse(text).expect("XML");
        assert_eq!(
            (pom.artifact.as_deref(), pom.version.as_deref()),
            (Some("srv"), Some("2.0"))
        );
        assert_eq!(pom.archive().as_deref(), Some("srv-7"));
        assert_eq!(
            (pom.modules, pom.plugins, pom.dependencies),
            (vec!["api".into(), "web".into()], vec!["p".into()], vec!["gson".into()])
        );
        assert!(Pom::parse("<a").is_none());
    }

    #[test]
    fn project_files_are_read() {
        let text = "\n<Project Sdk=\"Microsoft.NET.Sdk.Web\"><PropertyGroup><TargetFrameworks>net8.0;net6.0</TargetFrameworks><SelfContained>True</SelfContained></PropertyGroup></Project>";
        let project = DotNetProject::parse(text).expect("XML");
        assert_eq!(project.sdk.as_deref(), Some("Microsoft.NET.Sdk.Web"));
        assert_eq!(
            (project.framework.as_deref(), project.self_contained),
            (Some("net8.0"), true)
        );
        assert_eq!(project.assembly, None);
    }
}
