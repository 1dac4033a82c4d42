use super::*;
use crate::context::Memory;
use std::sync::Arc;

fn run(language: Language, entries: &[&str], files: &[(&str, &str)]) -> Reach {
    let context = Context::new("app", Arc::new(Memory::new(files.iter().copied())), None);
    let entries: Vec<String> = entries.iter().map(|&e| e.to_owned()).collect();
    reach(&context, &entries, language)
}

fn files(reach: &Reach) -> Vec<&str> {
    reach.files.keys().map(String::as_str).collect()
}

/// Packages; those under a condition with a `?`.
fn packages(reach: &Reach) -> Vec<String> {
    reach
        .packages
        .values()
        .map(|p| format!("{}{}", p.name, if p.conditional { "?" } else { "" }))
        .collect()
}

fn literals(reach: &Reach) -> Vec<&str> {
    reach.literals.iter().map(|l| l.path.as_str()).collect()
}

#[test]
fn scripts_are_followed() {
    let found = run(
        Language::JavaScript,
        &["server.js"],
        &[
            (
                "server.js",
                "const express = require('express');\nimport fs from 'node:fs';\nimport type { X } from 'types-only';\nimport {\n  a,\n  b\n} from './lib';\nif (process.env.NODE_ENV !== 'production') {\n  require('morgan');\n}\nconst p = path.join(__dirname, 'views', name);\napp.use(express.static('public'));\nexport * from '@scope/pkg/sub';\n",
            ),
            (
                "lib/index.ts",
                "import './util.js';\nimport x from '@/deep';\nrequire(`./plugins/${name}`);\nrequire(name);\nexecSync('ffmpeg -i x');\n",
            ),
            ("lib/util.ts", "export const u = 1;\n"),
            ("lib/plugins/one.js", "require('left-pad');"),
            ("src/deep.ts", "import data from '../data.json';"),
            ("data.json", "{}"),
            ("views/a.html", ""),
            ("public/x.css", ""),
            ("unused.js", "require('unused');"),
            ("package.json", "{\"dependencies\":{\"express\":\"1\"}}"),
        ],
    );
    assert_eq!(
        files(&found),
        [
            "data.json",
            "lib/index.ts",
            "lib/plugins/one.js",
            "lib/util.ts",
            "server.js",
            "src/deep.ts"
        ]
    );
    assert_eq!(packages(&found), ["@scope/pkg", "express", "left-pad", "morgan?"]);
    assert_eq!(literals(&found), ["public/", "views/"]);
    assert_eq!(found.unknown.len(), 2);
    assert_eq!(found.unknown[0].folder.as_deref(), Some("lib/plugins/"));
    assert_eq!(
        (found.unknown[1].folder.as_deref(), found.programs[0].0.as_str()),
        (None, "ffmpeg")
    );
    assert!(found.env.contains("NODE_ENV"));
}

#[test]
fn compiled_entries_and_workspaces_lead_to_sources() {
    let found = run(
        Language::JavaScript,
        &["build/main.js", "dist/worker.js", "nothing.js"],
        &[
            (
                "tsconfig.json",
                "{ // x\n \"compilerOptions\": { \"outDir\": \"build\", \"rootDir\": \"source\", \"paths\": { \"#lib/*\": [\"source/lib/*\"] }, } }",
            ),
            ("source/main.ts", "import a from '#lib/a'; import b from '@me/b';"),
            ("source/lib/a.ts", "const x = require.resolve('chalk');"),
            ("src/worker.ts", "new Worker('./job.js');"),
            ("src/job.ts", ""),
            (
                "packages/b/package.json",
                "{\"name\":\"@me/b\",\"main\":\"dist/index.js\"}",
            ),
            ("packages/b/src/index.ts", "import 'zod';"),
        ],
    );
    assert_eq!(
        files(&found),
        [
            "packages/b/src/index.ts",
            "source/lib/a.ts",
            "source/main.ts",
            "src/worker.ts"
        ]
    );
    assert_eq!(packages(&found), ["@me/b", "chalk", "zod"]);
    assert_eq!(found.missing, ["nothing.js"]);
}

#[test]
fn modules_are_followed() {
    let found = run(
        Language::Python,
        &["app/main.py"],
        &[
            (
                "app/main.py",
                "import os, sys\nimport yaml as y\nfrom flask import (\n    Flask,\n    render_template,\n)\nfrom app.models import user\nfrom . import views\ntry:\n    import uvloop\nexcept ImportError:\n    pass\nimport importlib\nimportlib.import_module(f\"app.plugins.{name}\")\nsubprocess.run([\"ffmpeg\", \"-i\"])\nBASE_DIR / \"templates\" / \"x.html\"\nos.environ[\"SECRET\"]\n",
            ),
            ("app/__init__.py", ""),
            ("app/models/__init__.py", "import sqlalchemy"),
            ("app/models/user.py", ""),
            (
                "app/views.py",
                "open('data/seed.csv')\nINSTALLED = ['corsheaders.x', 'app.late']",
            ),
            ("app/late.py", "from google.cloud import storage"),
            ("app/plugins/a.py", "import redis"),
            ("data/seed.csv", ""),
            ("templates/x.html", ""),
            ("tests/test_x.py", "import pytest"),
        ],
    );
    assert_eq!(
        files(&found),
        [
            "app/__init__.py",
            "app/late.py",
            "app/main.py",
            "app/models/__init__.py",
            "app/models/user.py",
            "app/plugins/a.py",
            "app/views.py"
        ]
    );
    assert_eq!(
        packages(&found),
        [
            "corsheaders?",
            "flask",
            "google.cloud",
            "redis",
            "sqlalchemy",
            "uvloop?",
            "yaml"
        ]
    );
    assert_eq!(literals(&found), ["data/seed.csv", "templates/", "templates/x.html"]);
    assert!(found.env.contains("SECRET"));
    assert_eq!(found.programs[0].0, "ffmpeg");
    assert_eq!(distribution_of("yaml")[0], "pyyaml");
    assert_eq!(distribution_of("Flask_Login")[0], "flask-login");
}

#[test]
fn ruby_and_php_are_followed() {
    let found = run(
        Language::Ruby,
        &["app.rb"],
        &[
            (
                "app.rb",
                "require 'sinatra/base'\nrequire 'json'\nrequire_relative 'lib/a'\nrequire 'b'\nENV['X']\nFile.join(__dir__, 'views')\n",
            ),
            ("lib/a.rb", "require 'pg'"),
            ("lib/b.rb", ""),
            ("views/i.erb", ""),
        ],
    );
    assert_eq!(files(&found), ["app.rb", "lib/a.rb", "lib/b.rb"]);
    assert_eq!(packages(&found), ["pg", "sinatra"]);
    assert_eq!(literals(&found), ["views/"]);
    let found = run(
        Language::Php,
        &["public/index.php"],
        &[
            (
                "public/index.php",
                "<?php\nrequire __DIR__ . '/../vendor/autoload.php';\nrequire_once __DIR__ . '/../src/app.php';\n",
            ),
            (
                "src/app.php",
                "<?php\ninclude 'inc.php';\n$x = __DIR__ . '/../templates';\n",
            ),
            ("src/inc.php", "<?php\n"),
            ("templates/a.php", ""),
        ],
    );
    assert_eq!(files(&found), ["public/index.php", "src/app.php", "src/inc.php"]);
    assert_eq!(literals(&found), ["templates/"]);
}

#[test]
fn classes_of_php_lead_to_packages() {
    let manifest =
        r#"{"require": {"acme/log": "^1"}, "autoload": {"psr-4": {"App\\": "src/"}, "files": ["src/helpers.php"]}}"#;
    let lock = r#"{"packages": [
        {"name": "acme/log", "autoload": {"psr-4": {"Acme\\Log\\": "src/"}}},
        {"name": "acme/mail", "autoload": {"psr-4": {"Acme\\Mail\\": "src/"}}},
        {"name": "acme/idle", "autoload": {"psr-4": {"Acme\\Idle\\": "src/"}}},
        {"name": "acme/polyfill", "autoload": {"files": ["bootstrap.php"]}}],
        "packages-dev": [{"name": "acme/fake", "autoload": {"psr-4": {"Fake\\": "src/"}}}]}"#;
    let found = run(
        Language::Php,
        &["public/index.php"],
        &[
            (
                "public/index.php",
                "<?php\nrequire __DIR__ . '/../vendor/autoload.php';\n(new \\Acme\\Mail\\Post())->send();\n",
            ),
            (
                "src/A.php",
                "<?php\nnamespace App;\nuse Acme\\Log\\{Logger, Level as L};\n",
            ),
            ("src/helpers.php", "<?php\n"),
            ("tests/ATest.php", "<?php\nuse Fake\\Thing;\n"),
            ("composer.json", manifest),
            ("composer.lock", lock),
        ],
    );
    assert_eq!(files(&found), ["public/index.php", "src/A.php", "src/helpers.php"]);
    assert_eq!(packages(&found), ["acme/log", "acme/mail", "acme/polyfill"]);
}

#[test]
fn hostile_sources_do_not_stop_it() {
    for text in [
        "import {",
        "require(",
        "`${",
        "import 'a",
        "\u{1F600} require('x'",
        "import\u{0}",
        "((((((require((((((",
    ] {
        for (language, name) in [
            (Language::JavaScript, "a.js"),
            (Language::Python, "a.py"),
            (Language::Ruby, "a.rb"),
            (Language::Php, "a.php"),
        ] {
            run(language, &[name], &[(name, text)]);
        }
    }
}
