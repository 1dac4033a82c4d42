use super::*;
use crate::plan::artifact::testing::with_site;
use crate::plan::program::programs;

/// Files and packages of a language that the programs of a Dockerfile begin with.
fn begins(language: Language, text: &str, files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let mut out = (Vec::new(), Vec::new());
    with_site(text, files, |site| {
        let mut found = entries(site, &programs(site));
        let own = found.remove(&language).unwrap_or_default();
        out = (own.files, own.packages.into_keys().collect());
    });
    out
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|&w| w.to_owned()).collect()
}

#[test]
fn scripts_lead_to_files_and_packages() {
    let manifest = r#"{"scripts": {"start": "cross-env NODE_ENV=production node -r dotenv/config ./server.js", "prod": "pm2-runtime ecosystem.config.js", "ts": "ts-node src/main.ts", "both": "concurrently \"npm run ts\" \"node worker.js\"", "web": "next start"},
        "dependencies": {"cross-env": "7", "pm2": "5", "next": "14"}, "devDependencies": {"ts-node": "10", "concurrently": "8"}}"#;
    let files = [
        ("package.json", manifest),
        ("server.js", ""),
        ("worker.js", ""),
        (
            "ecosystem.config.js",
            "module.exports = { apps: [{ name: 'x', script: './worker.js', instances: 2 }] }",
        ),
        ("src/main.ts", ""),
        ("pages/index.tsx", ""),
        ("next.config.mjs", ""),
        ("tsconfig.json", "{}"),
    ];
    let of = |cmd: &str| {
        begins(
            Language::JavaScript,
            &format!("FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm install\nCMD {cmd}\n"),
            &files,
        )
    };
    assert_eq!(
        of("[\"npm\", \"start\"]"),
        (words(&["server.js"]), words(&["cross-env", "dotenv"]))
    );
    assert_eq!(
        of("npm run prod"),
        (words(&["ecosystem.config.js", "worker.js"]), words(&["pm2"]))
    );
    assert_eq!(
        of("npx ts-node src/main.ts"),
        (words(&["tsconfig.json", "src/main.ts"]), words(&["ts-node"]))
    );
    assert_eq!(
        of("yarn both"),
        (
            words(&["tsconfig.json", "src/main.ts", "worker.js"]),
            words(&["concurrently", "ts-node"])
        )
    );
    let (found, packages) = of("npm run web");
    assert_eq!(packages, ["next"]);
    assert!(found.contains(&"next.config.mjs".to_owned()) && found.contains(&"pages/index.tsx".to_owned()));
    assert_eq!(
        of("node --import=./worker.js dist/server.js").0,
        ["worker.js", "dist/server.js"]
    );
}

#[test]
fn what_a_build_makes_lies_beside_its_manifest() {
    let text = "FROM node:20\nWORKDIR /fp\nCOPY ./package.json ./tsconfig.json /fp/\nCOPY ./src /fp/src\nRUN npx tsc\nCMD node ./dist/float.js\n";
    let files = [("package.json", "{}"), ("tsconfig.json", "{}"), ("src/float.ts", "")];
    assert_eq!(begins(Language::JavaScript, text, &files).0, ["dist/float.js"]);
    let workspace =
        "FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm ci\nCMD [\"yarn\", \"workspace\", \"@me/api\", \"start\"]\n";
    let files = [
        ("package.json", "{\"workspaces\":[\"packages/*\"]}"),
        (
            "packages/api/package.json",
            "{\"name\":\"@me/api\",\"scripts\":{\"start\":\"node index.js\"}}",
        ),
        ("packages/api/index.js", ""),
    ];
    assert_eq!(
        begins(Language::JavaScript, workspace, &files).0,
        ["packages/api/index.js"]
    );
}

#[test]
fn servers_of_python_name_modules() {
    let files = [
        ("app/__init__.py", ""),
        ("app/main.py", ""),
        ("proj/__init__.py", ""),
        ("proj/celery.py", ""),
        ("run.py", ""),
        ("gunicorn.conf.py", ""),
        (
            "pyproject.toml",
            "[project]\nname = \"x\"\n[project.scripts]\nserve = \"app.main:run\"\n",
        ),
        (
            "Procfile",
            "web: gunicorn app.main:app -b 0.0.0.0:$PORT\nworker: celery -A proj worker\n",
        ),
        ("uwsgi.ini", "[uwsgi]\nmodule = app.main\n"),
    ];
    let of = |cmd: &str| {
        begins(
            Language::Python,
            &format!("FROM python:3.11\nWORKDIR /srv\nCOPY . .\nCMD {cmd}\n"),
            &files,
        )
    };
    let (found, packages) = of("gunicorn -w 4 -k uvicorn.workers.UvicornWorker app.main:app --bind 0.0.0.0:80");
    assert_eq!(found, ["app/main.py", "gunicorn.conf.py"]);
    assert_eq!(packages, ["gunicorn", "uvicorn"]);
    assert_eq!(
        of("[\"uvicorn\", \"app.main:app\", \"--host\", \"0.0.0.0\"]").0,
        ["app/main.py"]
    );
    assert_eq!(of("python -m app.main"), (words(&["app/main.py"]), Vec::new()));
    assert_eq!(of("python -m http.server"), (Vec::new(), words(&["http"])));
    assert_eq!(
        of("poetry run celery -A proj worker -l info").0,
        ["proj/__init__.py", "proj/celery.py"]
    );
    assert_eq!(of("serve").0, ["app/main.py"]);
    assert_eq!(of("uv run run.py").0, ["run.py"]);
    assert_eq!(of("uwsgi --ini uwsgi.ini").0, ["app/main.py"]);
    let (found, _) = of("honcho start");
    assert_eq!(
        found,
        ["app/main.py", "gunicorn.conf.py", "proj/__init__.py", "proj/celery.py"]
    );
}

#[test]
fn servers_of_ruby_begin_where_they_start() {
    let files = [
        ("config.ru", ""),
        ("config/application.rb", ""),
        ("config/puma.rb", ""),
        ("app/models/a.rb", ""),
        ("bin/rails", "#!/usr/bin/env ruby\n"),
        ("Gemfile", ""),
    ];
    let of = |cmd: &str| {
        begins(
            Language::Ruby,
            &format!("FROM ruby:3.2\nWORKDIR /srv\nCOPY . .\nCMD {cmd}\n"),
            &files,
        )
    };
    assert_eq!(
        of("bundle exec rackup -o 0.0.0.0"),
        (words(&["config.ru"]), words(&["rackup"]))
    );
    let (found, packages) = of("[\"bundle\", \"exec\", \"rails\", \"server\"]");
    assert_eq!(packages, ["rails"]);
    assert!(found.contains(&"app/models/a.rb".to_owned()) && found.contains(&"config/application.rb".to_owned()));
}
