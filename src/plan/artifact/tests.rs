use super::testing::with_site;
use super::*;
use crate::plan::evidence::Met;
use crate::plan::program::programs;

/// Path, linkage or kind, needs, and whether all conditions hold.
fn found(text: &str, files: &[(&str, &str)]) -> Vec<String> {
    let mut out = Vec::new();
    with_site(text, files, |site| {
        let programs = programs(site);
        let artifacts = artifacts(site, &programs);
        for artifact in &artifacts.found {
            let kind = match &artifact.kind {
                ArtifactKind::Binary { linkage, needs } if needs.is_empty() => format!("{linkage:?}"),
                ArtifactKind::Binary { linkage, needs } => format!("{linkage:?} {}", needs.join(",")),
                other => format!("{other:?}"),
            };
            let alter = match &artifact.alter {
                Some(alter) => format!(
                    " or {:?} if {:?}",
                    text.get(..alter.edits[0].span.start).map(|t| t.lines().count()),
                    alter.conditions[0].met
                ),
                None => String::new(),
            };
            out.push(format!("{} {kind}{alter}", artifact.path));
        }
        let open: Vec<&str> = artifacts
            .conditions
            .iter()
            .filter(|c| c.met != Met::Yes)
            .map(|c| c.what.as_str())
            .collect();
        if !open.is_empty() {
            out.push(format!("open: {}", open.join("; ")));
        }
    });
    out
}

#[test]
fn go_programs() {
    let module = ("go.mod", "module example.org/hello/v2\n");
    let plain = (
        "main.go",
        "package main\nimport (\n\t\"fmt\"\n)\nfunc main() { fmt.Println() }\n",
    );
    let net = ("main.go", "package main\nimport \"net/http\"\nfunc main() {}\n");
    let text = "FROM golang:1.22\nWORKDIR /app\nCOPY . .\nRUN go build -o myapp\nCMD [\"./myapp\"]\n";
    assert_eq!(found(text, &[module, plain]), ["/app/myapp Static"]);
    assert_eq!(
        found(text, &[module, net]),
        ["/app/myapp DynamicGlibc or Some(4) if Yes"]
    );
    let required = ("go.mod", "module m\nrequire github.com/mattn/go-sqlite3 v1\n");
    assert_eq!(found(text, &[required, net]), ["/app/myapp DynamicGlibc"]);
    let unknown = ("go.mod", "module m\nrequire example.org/x v1\n");
    assert_eq!(
        found(text, &[unknown, net]),
        ["/app/myapp DynamicGlibc or Some(4) if Unproven"]
    );
    let cgo = ("c.go", "package main\n// #cgo LDFLAGS: -lsqlite3 -lm\nimport \"C\"\n");
    assert_eq!(found(text, &[module, net, cgo]), ["/app/myapp DynamicGlibc libsqlite3-dev"]);
    let default = text.replace(" -o myapp", "").replace("./myapp", "/app/hello");
    assert_eq!(found(&default, &[module, plain]), ["/app/hello Static"]);
    let install = text
        .replace("build -o myapp", "install ./cmd/...")
        .replace("./myapp", "tool");
    assert_eq!(
        found(&install, &[module, ("cmd/tool/main.go", plain.1)]),
        ["/go/bin/tool Static"]
    );
    let off = text.replace("RUN go", "RUN CGO_ENABLED=0 go");
    assert_eq!(found(&off, &[required, net]), ["/app/myapp Static"]);
    let alpine = text.replace("1.22", "1.22-alpine");
    assert_eq!(found(&alpine, &[module, net]), ["/app/myapp Static"]);
    let old = text.replace("1.22", "1.14-alpine");
    assert_eq!(
        found(&old, &[module, net]),
        ["/app/myapp DynamicMusl or Some(4) if Yes"]
    );
    let make = text.replace("go build -o myapp", "make build");
    let makefile = ("Makefile", "build:\n\tgo build -o bin/srv ./\n");
    assert_eq!(
        found(&make.replace("./myapp", "bin/srv"), &[module, net, makefile]),
        ["/app/bin/srv DynamicGlibc or Some(4) if Yes"]
    );
    assert_eq!(found(text, &[]), ["/app/myapp DynamicGlibc or Some(4) if Unproven"]);
}

#[test]
fn rust_programs() {
    let text = "FROM rust:1\nWORKDIR /src\nCOPY . .\nRUN cargo build --release\nCMD [\"./target/release/srv\"]\n";
    let cargo = ("Cargo.toml", "[package]\nname = \"srv\"\n");
    let main = ("src/main.rs", "fn main() {}");
    assert_eq!(found(text, &[cargo, main]), ["/src/target/release/srv DynamicGlibc"]);
    let lock = (
        "Cargo.lock",
        "[[package]]\nname = \"openssl-sys\"\n\n[[package]]\nname = \"ring\"\n",
    );
    assert_eq!(
        found(text, &[cargo, main, lock]),
        ["/src/target/release/srv DynamicGlibc libssl-dev"]
    );
    let odd = ("Cargo.lock", "[[package]]\nname = \"odd-sys\"\n");
    assert_eq!(
        found(text, &[cargo, main, odd]),
        [
            "/src/target/release/srv DynamicGlibc",
            "open: the libraries that the program needs are known"
        ]
    );
    let musl = text
        .replace("--release", "--release --target x86_64-unknown-linux-musl")
        .replace("target/", "target/x86_64-unknown-linux-musl/");
    assert_eq!(
        found(&musl, &[cargo, main]),
        ["/src/target/x86_64-unknown-linux-musl/release/srv Static"]
    );
    let workspace = [
        ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\n"),
        ("Cargo.lock", ""),
        (
            "crates/srv/Cargo.toml",
            "[package]\nname = \"srv\"\n[[bin]]\nname = \"daemon\"\npath = \"src/main.rs\"\n",
        ),
        ("crates/lib/Cargo.toml", "[package]\nname = \"lib\"\n"),
    ];
    let install = "FROM rust:1\nWORKDIR /src\nCOPY . .\nRUN cargo install --path crates/srv\nCMD [\"daemon\"]\n";
    assert_eq!(found(install, &workspace), ["/usr/local/cargo/bin/daemon DynamicGlibc"]);
    let copied = "FROM rust:1\nWORKDIR /src\nCOPY . .\nRUN --mount=type=cache,target=/src/target cargo build -r -p srv && cp target/release/daemon /usr/local/bin/\nCMD [\"daemon\"]\n";
    assert_eq!(found(copied, &workspace), ["/usr/local/bin/daemon DynamicGlibc"]);
    assert_eq!(
        found(text, &[]),
        [
            "/src/target/release/srv DynamicGlibc",
            "open: the libraries that the program needs are known"
        ]
    );
}

#[test]
fn c_programs() {
    let text = "FROM gcc:12\nWORKDIR /src\nCOPY . .\nRUN gcc -O2 -o /usr/bin/srv main.c -lm -lz `pkg-config --libs sqlite3`\nCMD srv\n";
    assert_eq!(
        found(text, &[("main.c", "")]),
        ["/usr/bin/srv DynamicGlibc libsqlite3-dev,zlib1g-dev"]
    );
    assert_eq!(
        found(&text.replace("-O2", "-static"), &[("main.c", "")]),
        ["/usr/bin/srv Static"]
    );
    let make = "FROM debian:12\nWORKDIR /src\nCOPY . .\nRUN make && make install PREFIX=/opt\nCMD [\"/opt/bin/srv\"]\n";
    let makefile = (
        "Makefile",
        "PREFIX=/usr/local\nall: srv\nsrv: main.o\n\t$(CC) -o $@ $<\n%.o: %.c\n\t$(CC) -c $<\ninstall: all\n\tinstall -m755 srv $(PREFIX)/bin/srv\n",
    );
    assert_eq!(found(make, &[makefile, ("main.c", "")]), ["/opt/bin/srv DynamicGlibc"]);
    let cmake = "FROM debian:12\nWORKDIR /src\nCOPY . .\nRUN mkdir build && cd build && cmake .. && make -j4\nCMD [\"./build/app/srv\"]\n";
    let lists = [
        ("CMakeLists.txt", "project(x CXX)\nadd_subdirectory(app)\n"),
        (
            "app/CMakeLists.txt",
            "add_executable(srv main.cpp)\ntarget_link_libraries(srv PRIVATE OpenSSL::SSL helper)\n",
        ),
    ];
    assert_eq!(
        found(cmake, &lists),
        ["/src/build/app/srv DynamicGlibc libssl-dev,libstdc++"]
    );
    let installed = "FROM debian:12\nCOPY . /src\nRUN cmake -S /src -B /b -DCMAKE_INSTALL_PREFIX=/usr && cmake --build /b && cmake --install /b\nCMD [\"srv\"]\n";
    let lists = [(
        "CMakeLists.txt",
        "project(x C)\nadd_executable(srv m.c)\ninstall(TARGETS srv RUNTIME DESTINATION bin)\n",
    )];
    assert_eq!(found(installed, &lists), ["/usr/bin/srv DynamicGlibc"]);
    let autotools = "FROM debian:12\nWORKDIR /src\nCOPY . .\nRUN ./configure --prefix=/opt/x && make && make install\nCMD [\"/opt/x/bin/srv\"]\n";
    let files = [
        ("configure", "#!/bin/sh\n"),
        ("Makefile.am", "bin_PROGRAMS = srv\nsrv_LDADD = -lcurl\n"),
    ];
    assert_eq!(found(autotools, &files), ["/opt/x/bin/srv DynamicGlibc libcurl4-openssl-dev"]);
}

#[test]
fn others() {
    let maven = "FROM maven:3-eclipse-temurin-17\nWORKDIR /app\nCOPY . .\nRUN mvn -B package\nCMD [\"java\", \"-jar\", \"target/srv-1.0.jar\"]\n";
    let pom = (
        "pom.xml",
        "<project><artifactId>srv</artifactId><version>1.0</version></project>",
    );
    assert_eq!(found(maven, &[pom]), ["/app/target/srv-1.0.jar Jar"]);
    let renamed = maven
        .replace("mvn -B package", "mvn -B package && cp target/*.jar /srv.jar")
        .replace("target/srv-1.0.jar", "/srv.jar");
    assert_eq!(found(&renamed, &[pom]), ["/srv.jar Jar"]);
    let javac = "FROM eclipse-temurin:17\nWORKDIR /app\nCOPY . .\nRUN javac Main.java\nCMD [\"java\", \"Main\"]\n";
    assert_eq!(found(javac, &[("Main.java", "")]), ["/app/*.class Tree"]);
    let dotnet = "FROM mcr.microsoft.com/dotnet/sdk:8.0\nWORKDIR /app\nCOPY . .\nRUN dotnet publish -c Release -o out\nENTRYPOINT [\"dotnet\", \"out/Srv.dll\"]\n";
    let project = (
        "Srv.csproj",
        "<Project Sdk=\"Microsoft.NET.Sdk.Web\"><PropertyGroup><TargetFramework>net8.0</TargetFramework></PropertyGroup></Project>",
    );
    assert_eq!(found(dotnet, &[project]), ["/app/out/ Assembly"]);
    let default = dotnet
        .replace(" -o out", "")
        .replace("out/", "bin/Release/net8.0/publish/");
    assert_eq!(
        found(&default, &[project]),
        ["/app/bin/Release/net8.0/publish/ Assembly"]
    );
    let react = "FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm ci && npm run build\nCMD [\"npx\", \"serve\", \"-s\", \"build\", \"-l\", \"3000\"]\n";
    let package = ("package.json", r#"{"scripts": {"build": "react-scripts build"}}"#);
    assert_eq!(found(react, &[package]), ["/app/build/ Site"]);
    let vite = "FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm run build && cp -r public-out/* /usr/share/nginx/html/\nCMD [\"nginx\", \"-g\", \"daemon off;\"]\n";
    let files = [
        ("package.json", r#"{"scripts": {"build": "vite build"}}"#),
        ("vite.config.ts", "export default { build: { outDir: 'public-out' } }"),
    ];
    assert_eq!(found(vite, &files), ["/usr/share/nginx/html/ Site"]);
    let elixir = "FROM elixir:1.15\nENV MIX_ENV=prod\nWORKDIR /app\nCOPY . .\nRUN mix deps.get && mix release\nCMD [\"_build/prod/rel/hello/bin/hello\", \"start\"]\n";
    assert_eq!(
        found(elixir, &[("mix.exs", "  app: :hello,\n")]),
        ["/app/_build/prod/rel/hello/ Tree"]
    );
    let deno = "FROM denoland/deno:2\nWORKDIR /app\nCOPY . .\nRUN deno compile -o srv main.ts\nCMD [\"./srv\"]\n";
    assert_eq!(found(deno, &[("main.ts", "")])[0], "/app/srv DynamicGlibc libgcc_s.so.1");
    let hugo = "FROM debian:12\nCOPY . /site\nRUN cd /site && hugo\nCMD [\"python3\", \"-m\", \"http.server\", \"-d\", \"/site/public\"]\n";
    assert_eq!(found(hugo, &[("config.toml", "")]), ["/site/public/ Site"]);
    let gradle =
        "FROM gradle:8-jdk17\nWORKDIR /app\nCOPY . .\nRUN ./gradlew bootJar\nCMD java -jar app/build/libs/app-1.jar\n";
    let files = [
        ("settings.gradle", "rootProject.name = 'x'\ninclude 'app'\n"),
        ("gradlew", "#!/bin/sh\n"),
    ];
    assert_eq!(found(gradle, &files), ["/app/app/build/libs/app-1.jar Jar"]);
}
