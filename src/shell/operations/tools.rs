//! Commands that build or test.

use super::Operation;
use crate::shell::ShellWord;

/// What kind of tool builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum BuildTool {
    Make,
    Cmake,
    Ninja,
    Meson,
    Autotools,
    Compiler,
    Go,
    Cargo,
    NodeScript,
    NodeBundler,
    Maven,
    Gradle,
    Sbt,
    Ant,
    Dotnet,
    Java,
    Python,
    Rake,
    Mix,
    Stack,
    Cabal,
    Ghc,
    Swift,
    Zig,
    Bazel,
    SiteGenerator,
    PhpExtension,
    Rebar,
    Dart,
}

/// Compiles, links, bundles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The tool.
    pub tool: BuildTool,
    /// The program as the command names it, its last path component: `gcc`, `npm`.
    pub program: String,
    /// The goal, target or script, where one is named: `install`, `build`, `package`.
    pub goal: Option<ShellWord>,
    /// All goals of tools that take several (`mvn clean package`, `make all install`).
    pub goals: Vec<ShellWord>,
    /// Where the result goes, if the command says: `-o app`, `--prefix /usr`, `--target-dir`.
    pub output: Option<ShellWord>,
    /// Tests are run as part of it, as far as the command says (`mvn package` without `-DskipTests`).
    pub runs_tests: bool,
}

/// Runs tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// The program, its last path component.
    pub program: String,
}

/// What a program's command line is taken for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Build(BuildTool),
    Test,
    Neither,
}

/// When the row holds.
#[derive(Clone, Copy)]
enum When {
    Always,
    /// One of these is the first operand.
    First(&'static [&'static str]),
    /// One of these is among the operands.
    Any(&'static [&'static str]),
    /// The first operand, behind `run` where there is one, is this or begins with it and `:`.
    Script(&'static [&'static str]),
    /// The first operand lies in one of these folders.
    In(&'static [&'static str]),
    /// Operands there are, and none begins like this.
    Module(&'static [&'static str]),
}

struct Row {
    programs: &'static [&'static str],
    when: When,
    use_: Use,
}

const fn build(tool: BuildTool, programs: &'static [&'static str], when: When) -> Row {
    Row {
        programs,
        when,
        use_: Use::Build(tool),
    }
}

const fn test(programs: &'static [&'static str], when: When) -> Row {
    Row {
        programs,
        when,
        use_: Use::Test,
    }
}

use BuildTool::*;

const TEST_SCRIPTS: &[&str] = &["test", "tests", "t", "test-unit", "e2e", "coverage"];
const BUILD_SCRIPTS: &[&str] = &[
    "build",
    "build-prod",
    "build-production",
    "compile",
    "bundle",
    "dist",
    "prod",
    "production",
    "generate",
    "export",
    "webpack",
    "gulp",
    "grunt",
    "tsc",
];
const MAVEN_BUILD: &[&str] = &[
    "package",
    "install",
    "verify",
    "compile",
    "deploy",
    "process-classes",
    "test-compile",
];
const GRADLE_BUILD: &[&str] = &[
    "build",
    "assemble",
    "jar",
    "bootJar",
    "shadowJar",
    "installDist",
    "distTar",
    "distZip",
    "war",
    "bootWar",
    "fatJar",
    "compileJava",
    "classes",
    "assembleDist",
    "release",
    "buildFatJar",
    "compileKotlin",
    "install",
    "nativeCompile",
    "clean build",
];

/// The first row that holds decides.
static ROWS: &[Row] = &[
    test(&["make", "gmake"], When::Any(&["test", "check", "tests"])),
    Row {
        programs: &["make", "gmake"],
        when: When::Any(&["clean", "distclean"]),
        use_: Use::Neither,
    },
    build(Make, &["make", "gmake", "bmake", "gnumake", "colormake"], When::Always),
    build(Cmake, &["cmake", "qmake", "premake5", "scons"], When::Always),
    test(&["ctest"], When::Always),
    build(Ninja, &["ninja", "ninja-build", "samu"], When::Always),
    test(&["meson"], When::First(&["test"])),
    build(Meson, &["meson"], When::Always),
    build(
        Autotools,
        &[
            "configure",
            "autogen.sh",
            "autoreconf",
            "bootstrap.sh",
            "buildconf",
            "phpize",
            "autoconf",
        ],
        When::Always,
    ),
    build(
        PhpExtension,
        &[
            "docker-php-ext-install",
            "install-php-extensions",
            "docker-php-ext-configure",
        ],
        When::Always,
    ),
    build(
        Compiler,
        &[
            "gcc",
            "g++",
            "cc",
            "c++",
            "clang",
            "clang++",
            "rustc",
            "tcc",
            "gfortran",
            "nvcc",
            "ld",
            "fpc",
            "crystal",
            "nim",
            "dmd",
            "ocamlfind",
            "valac",
        ],
        When::Always,
    ),
    build(
        Compiler,
        &["nimble"],
        When::First(&["c", "cc", "cpp", "compile", "build"]),
    ),
    test(&["nimble"], When::First(&["test"])),
    test(&["go"], When::First(&["test", "vet"])),
    build(Go, &["go"], When::First(&["build", "install", "generate", "run"])),
    build(Go, &["xk6", "xcaddy", "gox", "goreleaser", "mage"], When::Always),
    test(&["cargo"], When::First(&["test", "nextest", "clippy", "t"])),
    build(
        Cargo,
        &["cargo"],
        When::First(&[
            "build",
            "b",
            "install",
            "rustc",
            "chef",
            "zigbuild",
            "leptos",
            "auditable",
        ]),
    ),
    build(Cargo, &["trunk", "wasm-pack", "cross"], When::First(&["build"])),
    build(NodeBundler, &["deno"], When::First(&["compile", "bundle"])),
    test(&["deno"], When::First(&["test"])),
    test(
        &["npm", "yarn", "pnpm", "bun", "yarnpkg", "cnpm"],
        When::Script(TEST_SCRIPTS),
    ),
    build(
        NodeScript,
        &["npm", "yarn", "pnpm", "bun", "yarnpkg", "cnpm"],
        When::Script(BUILD_SCRIPTS),
    ),
    test(
        &[
            "jest",
            "mocha",
            "vitest",
            "karma",
            "cypress",
            "playwright",
            "ava",
            "eslint",
        ],
        When::Always,
    ),
    test(
        &["ng", "react-scripts", "vue-cli-service"],
        When::First(&["test", "lint", "e2e", "test:unit"]),
    ),
    build(
        NodeBundler,
        &[
            "ng",
            "next",
            "nuxt",
            "nuxi",
            "vite",
            "vue-cli-service",
            "react-scripts",
            "turbo",
            "nx",
            "parcel",
            "gatsby",
            "ember",
            "astro",
            "lerna",
            "quasar",
            "ionic",
            "nest",
            "svelte-kit",
            "remix",
            "expo",
            "rollup",
            "storybook",
            "prisma",
        ],
        When::Any(&[
            "build",
            "generate",
            "run",
            "b",
            "export",
            "-c",
            "build-storybook",
            "build:prod",
        ]),
    ),
    build(
        NodeBundler,
        &[
            "tsc",
            "webpack",
            "gulp",
            "grunt",
            "esbuild",
            "babel",
            "rollup",
            "node-gyp",
            "bower-installer",
            "sass",
            "lessc",
            "tailwindcss",
            "swc",
            "tsup",
            "ncc",
            "pkg",
            "ember",
            "node-sass",
        ],
        When::Always,
    ),
    test(
        &["mvn", "mvnw", "mvnd"],
        When::Any(&["test", "integration-test", "surefire:test"]),
    ),
    build(Maven, &["mvn", "mvnw", "mvnd"], When::Any(MAVEN_BUILD)),
    build(
        Maven,
        &["mvn", "mvnw", "mvnd"],
        When::Module(&["dependency:", "clean", "versions:", "help:", "wrapper:", "de.qaware"]),
    ),
    build(Gradle, &["gradle", "gradlew"], When::Any(GRADLE_BUILD)),
    test(&["gradle", "gradlew"], When::Any(&["test", "check"])),
    test(&["sbt"], When::Any(&["test"])),
    build(
        Sbt,
        &["sbt", "mill", "activator", "lein", "boot"],
        When::Any(&[
            "compile",
            "assembly",
            "stage",
            "package",
            "dist",
            "uberjar",
            "universal:packageBin",
            "docker:stage",
            "Universal/packageBin",
            "publishLocal",
            "jar",
        ]),
    ),
    build(Ant, &["ant"], When::Always),
    test(&["dotnet"], When::First(&["test"])),
    build(
        Dotnet,
        &["dotnet"],
        When::First(&["build", "publish", "pack", "msbuild"]),
    ),
    build(Dotnet, &["msbuild", "xbuild"], When::Always),
    build(
        Java,
        &["javac", "jar", "jlink", "native-image", "kotlinc", "scalac", "jpackage"],
        When::Always,
    ),
    test(
        &[
            "pytest",
            "tox",
            "nosetests",
            "py.test",
            "flake8",
            "pylint",
            "mypy",
            "nox",
        ],
        When::Always,
    ),
    test(
        &[
            "phpunit",
            "pest",
            "paratest",
            "phpspec",
            "phpstan",
            "psalm",
            "phpcs",
            "infection",
            "rspec",
            "rubocop",
            "minitest",
            "behave",
            "behat",
            "codecept",
        ],
        When::Always,
    ),
    test(&["composer"], When::Script(TEST_SCRIPTS)),
    // `ruby -Itest test/all.rb`.
    test(&["ruby", "php"], When::In(&["test/", "tests/", "spec/"])),
    test(&["rake", "rails"], When::Any(&["test", "spec"])),
    build(
        Rake,
        &["rake", "rails"],
        When::Any(&[
            "assets:precompile",
            "build",
            "compile",
            "webpacker:compile",
            "assets:clean",
        ]),
    ),
    test(&["mix"], When::First(&["test"])),
    build(
        Mix,
        &["mix"],
        When::Any(&[
            "compile",
            "release",
            "deps.compile",
            "assets.deploy",
            "phx.digest",
            "distillery.release",
            "escript.build",
            "do",
        ]),
    ),
    test(&["stack", "cabal"], When::First(&["test"])),
    build(Stack, &["stack"], When::First(&["build", "install"])),
    build(
        Cabal,
        &["cabal"],
        When::First(&["build", "install", "new-build", "v2-build", "v2-install", "new-install"]),
    ),
    build(Ghc, &["ghc"], When::Always),
    test(&["swift"], When::First(&["test"])),
    build(Swift, &["swift"], When::First(&["build"])),
    build(Swift, &["swiftc"], When::Always),
    build(
        Zig,
        &["zig"],
        When::First(&["build", "build-exe", "build-lib", "cc", "c++"]),
    ),
    test(&["bazel", "bazelisk"], When::First(&["test"])),
    build(
        Bazel,
        &["bazel", "bazelisk", "buck", "buck2", "pants"],
        When::First(&["build", "run"]),
    ),
    build(
        SiteGenerator,
        &[
            "hugo",
            "jekyll",
            "mkdocs",
            "sphinx-build",
            "hexo",
            "zola",
            "mdbook",
            "docusaurus",
            "pelican",
        ],
        When::Always,
    ),
    build(Rebar, &["rebar", "rebar3"], When::Always),
    build(
        Dart,
        &["dart", "flutter"],
        When::First(&["compile", "build", "compile exe"]),
    ),
];

/// Looks through `npx`, `bundle exec`, `python -m`, `poetry run`, and reads what is behind.
pub(super) fn read(program: &str, words: &[ShellWord], mut found: impl FnMut(Operation)) {
    let mut program = program;
    let mut words = words;
    // Each turn takes at least one word away.
    while let Some((inner, rest)) = launcher(program, words) {
        program = inner;
        words = rest;
    }
    if program.starts_with("python") || program == "pypy3" {
        if let Some(operation) = python(program, words) {
            found(operation);
        }
        return;
    }
    let Some(first) = program.bytes().next() else { return };
    let named = |row: &&Row| {
        row.programs
            .iter()
            .any(|name| name.as_bytes().first() == Some(&first) && *name == program)
    };
    if let Some(row) = ROWS.iter().filter(named).find(|row| holds(row.when, words)) {
        match row.use_ {
            Use::Build(tool) => found(Operation::Build(read_build(tool, program, words))),
            Use::Test => found(Operation::Test(Test {
                program: program.to_owned(),
            })),
            Use::Neither => {}
        }
    } else if is_cross_compiler(program) {
        found(Operation::Build(read_build(BuildTool::Compiler, program, words)));
    }
}

/// `x86_64-linux-musl-gcc`, `gcc-12`, `clang-15`.
fn is_cross_compiler(program: &str) -> bool {
    let stem = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    matches!(stem, "gcc" | "g++" | "clang" | "clang++") && stem != program
        || ["-gcc", "-g++", "-cc"].iter().any(|suffix| stem.ends_with(suffix))
}

/// The command that a launcher runs, if the program is one.
fn launcher<'a>(program: &str, words: &'a [ShellWord]) -> Option<(&'a str, &'a [ShellWord])> {
    let (behind, values): (&[&str], &[&str]) = match program {
        "npx" | "bunx" => (&[], &["-p", "--package", "-c"]),
        "bundle" | "bundler" | "npm" | "pnpm" | "yarn" => (&["exec", "dlx"], &["--prefix", "-C", "--cwd"]),
        "poetry" | "pipenv" | "uv" | "pdm" | "conda" | "micromamba" | "hatch" => (
            &["run"],
            &["-n", "-p", "--name", "--python", "--with", "--extra", "--group"],
        ),
        "opam" => (&["exec"], &[]),
        "xvfb-run" | "dbus-run-session" => (&[], &["-s", "-a", "--server-args"]),
        _ => return None,
    };
    let mut words = words;
    if !behind.is_empty() {
        let (first, rest) = words.split_first()?;
        if !behind.contains(&first.text.as_str()) {
            return None;
        }
        words = rest;
    }
    loop {
        let (word, rest) = words.split_first()?;
        words = rest;
        if !word.is_flag() {
            return Some((crate::shell::dialect::base_name(&word.text), words));
        }
        if values.contains(&word.text.as_str()) {
            words = rest.split_first()?.1;
        }
    }
}

fn python(program: &str, words: &[ShellWord]) -> Option<Operation> {
    let at = words.iter().position(|w| !w.is_flag() || w.text == "-m")?;
    let script = words.get(at)?;
    let (module, rest) = if script.text == "-m" {
        let module = words.get(at + 1)?;
        (module.text.as_str(), words.get(at + 2..)?)
    } else {
        (crate::shell::dialect::base_name(&script.text), words.get(at + 1..)?)
    };
    match module {
        "pytest" | "unittest" | "nose" | "tox" => Some(Operation::Test(Test {
            program: module.to_owned(),
        })),
        "build" | "compileall" | "nuitka" | "PyInstaller" | "cython" => {
            Some(Operation::Build(read_build(BuildTool::Python, program, rest)))
        }
        "setup.py" => match rest.iter().find(|w| !w.is_flag())?.text.as_str() {
            "test" => Some(Operation::Test(Test {
                program: program.to_owned(),
            })),
            "build" | "install" | "develop" | "bdist_wheel" | "build_ext" | "sdist" => {
                Some(Operation::Build(read_build(BuildTool::Python, program, rest)))
            }
            _ => None,
        },
        "manage.py" => match rest.iter().find(|w| !w.is_flag())?.text.as_str() {
            "test" => Some(Operation::Test(Test {
                program: program.to_owned(),
            })),
            _ => None,
        },
        _ => None,
    }
}

/// Options that take the next word, of any tool here: enough to find goals.
const VALUE_FLAGS: &[&str] = &[
    "-C",
    "-f",
    "-o",
    "-p",
    "-pl",
    "-s",
    "-P",
    "-l",
    "-t",
    "--prefix",
    "--cwd",
    "--filter",
    "--workspace",
    "-w",
    "--target",
    "--target-dir",
    "--manifest-path",
    "--output",
    "-c",
    "--configuration",
    "--file",
    "--directory",
    "-b",
    "-B",
    "-S",
    "-G",
    "--dir",
    "--features",
    "--bin",
    "-ldflags",
    "-tags",
    "-mod",
    "--profile",
    "-x",
    "-d",
    "--destination",
    "--runtime",
    "-settings",
    "--settings",
    "-D",
    "-F",
    "--package",
    "-gcflags",
    "-installsuffix",
];

/// The same for npm, yarn, pnpm and bun, whose short flags are mostly switches.
const NODE_VALUE_FLAGS: &[&str] = &[
    "--prefix",
    "-C",
    "--cwd",
    "--filter",
    "-F",
    "--workspace",
    "-w",
    "--dir",
];

/// The operands of a build tool.
fn operands(words: &[ShellWord]) -> impl Iterator<Item = &ShellWord> {
    operands_behind(words, VALUE_FLAGS)
}

fn operands_behind<'a>(
    words: &'a [ShellWord],
    value_flags: &'static [&'static str],
) -> impl Iterator<Item = &'a ShellWord> {
    let mut words = words.iter();
    std::iter::from_fn(move || {
        loop {
            let word = words.next()?;
            if word.is_flag() {
                if value_flags.contains(&word.text.as_str()) {
                    words.next();
                }
            } else if !word.text.contains('=') {
                return Some(word);
            }
        }
    })
}

fn holds(when: When, words: &[ShellWord]) -> bool {
    // Gradle's `:app:build` and Maven's `clean` in front do not change what a goal is.
    let plain = |word: &'_ ShellWord| word.text.rsplit(':').next().unwrap_or_default().to_owned();
    match when {
        When::Always => true,
        When::First(names) => operands(words).next().is_some_and(|w| names.contains(&w.text.as_str())),
        When::Any(names) => words
            .iter()
            .any(|w| names.contains(&w.text.as_str()) || w.text.contains(':') && names.contains(&plain(w).as_str())),
        When::Module(prefixes) => {
            let mut any = false;
            operands(words).all(|w| {
                any = true;
                !prefixes.iter().any(|p| w.text.starts_with(p))
            }) && any
        }
        When::In(folders) => operands_behind(words, NODE_VALUE_FLAGS)
            .next()
            .is_some_and(|w| folders.iter().any(|f| w.text.trim_start_matches("./").starts_with(f))),
        When::Script(names) => script(words).is_some_and(|word| {
            let base = word.text.split([':', '-']).next().unwrap_or_default();
            names.contains(&word.text.as_str()) || names.contains(&base)
        }),
    }
}

/// The script that `npm run build`, `yarn build` or `yarn workspace x build` runs.
fn script(words: &[ShellWord]) -> Option<&ShellWord> {
    let mut operands = operands_behind(words, NODE_VALUE_FLAGS);
    let first = operands.next()?;
    match first.text.as_str() {
        "run" | "run-script" | "rum" => operands.next(),
        "workspace" => {
            operands.next()?;
            operands.next().filter(|w| w.text != "run").or_else(|| operands.next())
        }
        "workspaces" => operands.find(|w| !matches!(w.text.as_str(), "run" | "foreach")),
        _ => Some(first),
    }
}

fn read_build(tool: BuildTool, program: &str, words: &[ShellWord]) -> Build {
    let goals: Vec<ShellWord> = operands(words).cloned().collect();
    let goal = match tool {
        BuildTool::NodeScript => script(words).cloned(),
        BuildTool::Compiler | BuildTool::Autotools | BuildTool::Java => None,
        BuildTool::Maven | BuildTool::Gradle => goals
            .iter()
            .find(|g| !g.text.starts_with("clean"))
            .or(goals.first())
            .cloned(),
        _ => goals.first().cloned(),
    };
    let output_flags: &[&str] = match tool {
        BuildTool::Go | BuildTool::Compiler | BuildTool::Ghc | BuildTool::Dotnet => &["-o", "--output"],
        BuildTool::Cargo => &["--target-dir", "--root"],
        BuildTool::Autotools => &["--prefix"],
        BuildTool::Java => &["-d"],
        BuildTool::NodeBundler => &["--outDir", "--output-path", "-o", "--outdir", "--out-dir"],
        BuildTool::SiteGenerator => &["-d", "--destination"],
        _ => &[],
    };
    let output = words.iter().enumerate().find_map(|(at, word)| {
        if output_flags.contains(&word.text.as_str()) {
            return words.get(at + 1).cloned();
        }
        let (name, value) = word.text.split_once('=')?;
        output_flags.contains(&name).then(|| ShellWord {
            text: value.to_owned(),
            ..word.clone()
        })
    });
    let skips = |flags: &[&str]| words.iter().any(|w| flags.iter().any(|f| w.text.starts_with(f)));
    let names = |wanted: &[&str]| goals.iter().any(|g| wanted.contains(&g.text.as_str()));
    let runs_tests = match tool {
        BuildTool::Maven => {
            names(&["package", "install", "verify", "deploy"]) && !skips(&["-DskipTests", "-Dmaven.test.skip"])
        }
        BuildTool::Gradle => names(&["build"]) && !skips(&["-x", "--exclude-task"]),
        _ => false,
    };
    Build {
        tool,
        program: program.to_owned(),
        goal,
        goals,
        output,
        runs_tests,
    }
}
