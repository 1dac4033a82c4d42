//! `mbopt lsp` as an editor uses it: a process, and messages on its standard input and output.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// An editor with one server.
struct Editor {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// Notifications and requests of the server that nobody has looked at yet.
    others: VecDeque<Value>,
    ids: i64,
    version: i64,
}

fn uri(path: &Path) -> String {
    url::Url::from_file_path(path).expect("an absolute path").to_string()
}

impl Editor {
    fn new(folder: &Path, capabilities: Value) -> Editor {
        let mut child = Command::new(std::env::var_os("MBOPT_LSP").unwrap_or(env!("CARGO_BIN_EXE_mbopt").into()))
            .args(["lsp", "--stdio"])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            loop {
                let mut length = 0;
                let mut line = String::new();
                while output.read_line(&mut line).unwrap_or(0) > 0 && line.trim() != "" {
                    if let Some(value) = line.strip_prefix("Content-Length:") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                if length == 0 || output.read_exact(&mut body).is_err() {
                    return;
                }
                if sender.send(serde_json::from_slice(&body).unwrap()).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        let mut editor = Editor {
            child,
            input,
            messages,
            others: VecDeque::new(),
            ids: 0,
            version: 0,
        };
        let answer = editor.ask(
            "initialize",
            json!({"processId": null, "rootUri": uri(folder), "capabilities": capabilities}),
        );
        assert_eq!(answer["serverInfo"]["name"], "mbopt");
        editor.tell("initialized", json!({}));
        editor
    }

    fn send(&mut self, message: Value) {
        let body = message.to_string();
        let input = self.input.as_mut().unwrap();
        write!(input, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        input.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn receive(&mut self) -> Value {
        self.messages
            .recv_timeout(Duration::from_secs(30))
            .expect("the server answers")
    }

    /// The whole answer to a request.
    fn response(&mut self, method: &str, params: Value) -> Value {
        self.ids += 1;
        let id = self.ids;
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let message = self.receive();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
            self.others.push_back(message);
        }
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let response = self.response(method, params);
        assert!(response.get("error").is_none(), "{method}: {response}");
        response["result"].clone()
    }

    /// The next message of that method.
    fn wait(&mut self, method: &str) -> Value {
        loop {
            let message = self.others.pop_front().unwrap_or_else(|| self.receive());
            if message["method"] == method {
                return message["params"].clone();
            }
        }
    }

    fn findings(&mut self) -> Vec<Value> {
        self.wait("textDocument/publishDiagnostics")["diagnostics"]
            .as_array()
            .unwrap()
            .clone()
    }

    fn open(&mut self, uri: &str, text: &str) -> Vec<Value> {
        self.version = 1;
        let document = json!({"uri": uri, "languageId": "dockerfile", "version": 1, "text": text});
        self.tell("textDocument/didOpen", json!({"textDocument": document}));
        self.findings()
    }

    fn change(&mut self, uri: &str, changes: Value) {
        self.version += 1;
        let document = json!({"uri": uri, "version": self.version});
        self.tell(
            "textDocument/didChange",
            json!({"textDocument": document, "contentChanges": changes}),
        );
    }

    fn end(mut self) {
        self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        self.input = None;
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // After an orderly end there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn modern() -> Value {
    json!({
        "workspace": {"workspaceEdit": {"documentChanges": true, "changeAnnotationSupport": {}}},
        "general": {"positionEncodings": ["utf-16"]},
    })
}

struct Place {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let path = fs::canonicalize(folder.path()).unwrap();
    fs::create_dir(path.join(".git")).unwrap();
    Place { _folder: folder, path }
}

fn rules(findings: &[Value]) -> Vec<&str> {
    findings
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect()
}

/// The UTF-16 position of `words` in `text`.
fn position(text: &str, words: &str) -> Value {
    let at = text.find(words).unwrap_or_else(|| panic!("no {words}"));
    let line = text[..at].matches('\n').count();
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    json!({"line": line, "character": text[start..at].encode_utf16().count()})
}

/// The text with a workspace edit made, its positions counted in UTF-16.
fn edited(text: &str, edit: &Value) -> String {
    let edits = match edit["documentChanges"].as_array() {
        Some(changes) => changes[0]["edits"].as_array().unwrap().clone(),
        None => edit["changes"]
            .as_object()
            .unwrap()
            .values()
            .next()
            .unwrap()
            .as_array()
            .unwrap()
            .clone(),
    };
    let offset = |position: &Value| {
        let number = |key: &str| usize::try_from(position[key].as_u64().unwrap()).unwrap();
        let line: usize = text.split_inclusive('\n').take(number("line")).map(str::len).sum();
        let mut units = 0;
        text[line..]
            .char_indices()
            .find(|(_, c)| {
                let here = units == number("character");
                units += c.len_utf16();
                here
            })
            .map_or(text.len(), |(at, _)| line + at)
    };
    let mut spans: Vec<_> = edits
        .iter()
        .map(|e| {
            (
                offset(&e["range"]["start"]),
                offset(&e["range"]["end"]),
                e["newText"].as_str().unwrap(),
            )
        })
        .collect();
    spans.sort();
    let mut out = text.to_owned();
    for (start, end, new) in spans.into_iter().rev() {
        out.replace_range(start..end, new);
    }
    out
}

const TEXT: &str = "# 🦀 größe\r\nFROM debian:12-slim AS base\r\nARG WHAT=curl\r\nRUN echo 🦀 && apt-get install $WHAT\r\nFROM base\r\nUSER 1000\r\n";

#[test]
fn findings_come_while_typing_with_right_places() {
    let place = place();
    let mut editor = Editor::new(&place.path, modern());
    let file = uri(&place.path.join("Dockerfile"));
    let findings = editor.open(&file, TEXT);
    let finding = findings.iter().find(|f| f["code"] == "apt-assume-yes").expect("found");
    assert_eq!(finding["range"]["start"], position(TEXT, "install"));
    assert_eq!(finding["range"]["end"], position(TEXT, " $WHAT\r"));
    assert_eq!(finding["severity"], 2);
    assert_eq!(finding["source"], "mbopt");
    // `-y` is typed behind `install`, character by character, faster than anybody looks.
    let at = position(TEXT, " $WHAT\r");
    let character = at["character"].as_u64().unwrap();
    for (i, letter) in [" ", "-", "y"].iter().enumerate() {
        let at = json!({"line": at["line"], "character": character + i as u64});
        editor.change(&file, json!([{"range": {"start": at, "end": at}, "text": letter}]));
    }
    loop {
        let told = editor.wait("textDocument/publishDiagnostics");
        if told["version"] == 4 {
            assert!(!rules(told["diagnostics"].as_array().unwrap()).contains(&"apt-assume-yes"));
            break;
        }
    }
    editor.tell("textDocument/didClose", json!({"textDocument": {"uri": file}}));
    assert_eq!(editor.findings(), Vec::<Value>::new());
    editor.end();
}

#[test]
fn fixes_keep_line_ends_and_places() {
    let place = place();
    let mut editor = Editor::new(&place.path, modern());
    let file = uri(&place.path.join("Dockerfile"));
    let findings = editor.open(&file, TEXT);
    let at = position(TEXT, "install");
    let params =
        json!({"textDocument": {"uri": file}, "range": {"start": at, "end": at}, "context": {"diagnostics": []}});
    let actions = editor.ask("textDocument/codeAction", params);
    let action = |title: &str| {
        let all = actions.as_array().unwrap();
        all.iter()
            .find(|a| a["title"] == title)
            .unwrap_or_else(|| panic!("no {title} in {actions}"))
    };
    let fix = action("add `-y`");
    assert_eq!(fix["kind"], "quickfix");
    assert_eq!(fix["isPreferred"], true);
    assert_eq!(fix["edit"]["documentChanges"][0]["textDocument"]["version"], 1);
    assert_eq!(edited(TEXT, &fix["edit"]), TEXT.replace("install", "install -y"));
    // Away from the finding it is offered where the editor names the finding, and only there.
    let away = json!({"line": at["line"], "character": 0});
    let finding = findings.iter().find(|f| f["code"] == "apt-assume-yes").unwrap();
    for (named, offered) in [(json!([]), false), (json!([finding]), true)] {
        let context = json!({"diagnostics": named});
        let params = json!({"textDocument": {"uri": file}, "range": {"start": away, "end": away}, "context": context});
        let actions = editor.ask("textDocument/codeAction", params);
        let titles = actions.as_array().unwrap().iter().map(|a| a["title"].as_str());
        assert_eq!(titles.collect::<Vec<_>>().contains(&Some("add `-y`")), offered);
    }
    let silence = action("Silence apt-assume-yes here");
    let silenced = edited(TEXT, &silence["edit"]);
    assert_eq!(
        silenced,
        TEXT.replace("RUN echo", "# mbopt: ignore[apt-assume-yes]\r\nRUN echo")
    );
    // The editor has it, and the finding is gone.
    editor.change(&file, json!([{"text": silenced}]));
    assert!(!rules(&editor.findings()).contains(&"apt-assume-yes"));
    // All safe fixes, as on saving.
    editor.change(&file, json!([{"text": TEXT}]));
    let context = json!({"diagnostics": [], "only": ["source.fixAll"]});
    let whole = json!({"start": {"line": 0, "character": 0}, "end": {"line": 9, "character": 0}});
    let params = json!({"textDocument": {"uri": file}, "range": whole, "context": context});
    let actions = editor.ask("textDocument/codeAction", params);
    let fixed = edited(TEXT, &actions[0]["edit"]);
    assert_eq!(actions.as_array().unwrap().len(), 1);
    assert!(fixed.contains("install -y") || fixed.contains("-y "), "{fixed}");
    assert_eq!(fixed.matches('\n').count(), fixed.matches("\r\n").count());
    editor.end();
}

#[test]
fn an_unsafe_fix_is_shown_before_it_is_made() {
    let place = place();
    let mut editor = Editor::new(&place.path, modern());
    let file = uri(&place.path.join("Dockerfile"));
    let text = "FROM python:3.11\nCOPY app.py /app/\nWORKDIR /app\nUSER 1000\nCMD [\"python\", \"app.py\"]\n";
    let findings = editor.open(&file, text);
    assert!(rules(&findings).contains(&"full-runtime-image"), "{findings:?}");
    let at = position(text, "python:3.11");
    let params =
        json!({"textDocument": {"uri": file}, "range": {"start": at, "end": at}, "context": {"diagnostics": []}});
    let actions = editor.ask("textDocument/codeAction", params);
    let fix = actions
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["title"].as_str().unwrap().ends_with("(unsafe)"))
        .unwrap();
    assert!(fix.get("isPreferred").is_none());
    let annotation = &fix["edit"]["changeAnnotations"]["mbopt"];
    assert_eq!(annotation["needsConfirmation"], true);
    assert!(
        annotation["description"].as_str().unwrap().contains("changes base"),
        "{annotation}"
    );
    assert_eq!(edited(text, &fix["edit"]), text.replace("3.11", "3.11-slim"));
    editor.end();
}

#[test]
fn names_are_followed_and_changed() {
    let place = place();
    let mut editor = Editor::new(&place.path, modern());
    let file = uri(&place.path.join("Dockerfile"));
    editor.open(&file, TEXT);
    let at = |words: &str| json!({"textDocument": {"uri": file}, "position": position(TEXT, words)});
    let with = |words: &str, key: &str, value: Value| {
        let mut params = at(words);
        params[key] = value;
        params
    };
    let definition = editor.ask("textDocument/definition", at("base\r\nUSER"));
    assert_eq!(definition["range"]["start"], position(TEXT, "base"));
    let definition = editor.ask("textDocument/definition", at("WHAT\r\nFROM"));
    assert_eq!(definition["range"]["start"], position(TEXT, "WHAT=curl"));
    let references = editor.ask(
        "textDocument/references",
        with("WHAT=curl", "context", json!({"includeDeclaration": true})),
    );
    assert_eq!(references.as_array().unwrap().len(), 2);
    let edit = editor.ask("textDocument/rename", with("base\r\nUSER", "newName", json!("root")));
    assert_eq!(
        edited(TEXT, &edit),
        TEXT.replace("AS base", "AS root").replace("FROM base", "FROM root")
    );
    let edit = editor.ask("textDocument/rename", with("WHAT=curl", "newName", json!("TOOL")));
    assert_eq!(edited(TEXT, &edit), TEXT.replace("WHAT", "TOOL"));
    let refused = editor.response("textDocument/rename", with("base", "newName", json!("a b")));
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .contains("cannot be a stage's name"),
        "{refused}"
    );
    let range = editor.ask("textDocument/prepareRename", at("WHAT=curl"));
    assert_eq!(range["start"], position(TEXT, "WHAT=curl"));
    assert_eq!(editor.ask("textDocument/prepareRename", at("debian")), Value::Null);
    let hover = editor.ask("textDocument/hover", at("WHAT\r\nFROM"));
    assert!(
        hover["contents"]["value"]
            .as_str()
            .unwrap()
            .contains("ARG `WHAT`, `curl` unless"),
        "{hover}"
    );
    let hover = editor.ask("textDocument/hover", at("install"));
    assert!(
        hover["contents"]["value"]
            .as_str()
            .unwrap()
            .contains("**apt-assume-yes**"),
        "{hover}"
    );
    assert_eq!(hover["range"]["start"], position(TEXT, "install"));
    let symbols = editor.ask("textDocument/documentSymbol", json!({"textDocument": {"uri": file}}));
    assert_eq!(symbols[0]["name"], "base");
    assert_eq!(symbols[1]["name"], "stage 1");
    let completions = editor.ask("textDocument/completion", at("\r\nUSER"));
    assert!(
        completions
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["label"] == "base"),
        "{completions}"
    );
    editor.end();
}

#[test]
fn settings_and_contexts_are_read_again_when_they_change() {
    let place = place();
    fs::write(place.path.join("app.py"), "").unwrap();
    let mut editor = Editor::new(
        &place.path,
        json!({"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": true}}}),
    );
    let registered = editor.wait("client/registerCapability");
    assert!(
        registered["registrations"][0]["registerOptions"]["watchers"]
            .to_string()
            .contains("mbopt")
    );
    let file = uri(&place.path.join("Dockerfile"));
    let text = "FROM debian:12-slim\nUSER 1000\nRUN apt-get install curl\n";
    assert!(rules(&editor.open(&file, text)).contains(&"apt-assume-yes"));
    let changed = json!({"changes": [{"uri": uri(&place.path.join("mbopt.yaml")), "type": 1}]});
    fs::write(place.path.join("mbopt.yaml"), "ignore: [apt-assume-yes]\n").unwrap();
    editor.tell("workspace/didChangeWatchedFiles", changed.clone());
    assert!(!rules(&editor.findings()).contains(&"apt-assume-yes"));
    // Broken settings are said once, in words that point at the place.
    fs::write(place.path.join("mbopt.yaml"), "ignroe: []\n").unwrap();
    editor.tell("workspace/didChangeWatchedFiles", changed.clone());
    let said = editor.wait("window/showMessage");
    assert!(
        said["message"].as_str().unwrap().contains("did you mean `ignore`?"),
        "{said}"
    );
    fs::write(place.path.join("mbopt.yaml"), "exclude: [Dockerfile]\n").unwrap();
    editor.tell("workspace/didChangeWatchedFiles", changed);
    editor.findings();
    assert_eq!(editor.findings(), Vec::<Value>::new());
    editor.end();
}

#[test]
fn a_file_that_is_not_saved_and_what_makes_no_sense_do_no_harm() {
    let place = place();
    let mut editor = Editor::new(&place.path, json!({}));
    let findings = editor.open("untitled:Untitled-1", "FROM debian:12-slim\nRUN apt-get install curl\n");
    assert!(rules(&findings).contains(&"apt-assume-yes"));
    let nowhere = json!({"textDocument": {"uri": "untitled:Untitled-1"}, "position": {"line": 999, "character": 999}});
    assert_eq!(editor.ask("textDocument/hover", nowhere), Value::Null);
    let unknown = json!({"textDocument": {"uri": "file:///nobody"}, "position": {"line": 0, "character": 0}});
    assert!(
        editor.response("textDocument/hover", unknown)["error"]["message"]
            .as_str()
            .unwrap()
            .contains("not open")
    );
    assert_eq!(
        editor.response("textDocument/inlayHint", json!({}))["error"]["code"],
        -32601
    );
    assert_eq!(
        editor.response("textDocument/hover", json!({"x": 1}))["error"]["code"],
        -32602
    );
    editor.tell("textDocument/didChange", json!({"textDocument": 1}));
    // A range upside down, as some editors send it.
    let range = json!({"start": {"line": 1, "character": 3}, "end": {"line": 0, "character": 0}});
    editor.change("untitled:Untitled-1", json!([{"range": range, "text": ""}]));
    editor.findings();
    // Without knowing of `documentChanges` an editor gets plain changes.
    editor.change(
        "untitled:Untitled-1",
        json!([{"text": "FROM debian:12-slim\nRUN apt-get install curl\n"}]),
    );
    let at = json!({"line": 1, "character": 13});
    let params = json!({"textDocument": {"uri": "untitled:Untitled-1"}, "range": {"start": at, "end": at}, "context": {"diagnostics": []}});
    let actions = editor.ask("textDocument/codeAction", params);
    assert!(actions[0]["edit"]["changes"].is_object(), "{actions}");
    editor.end();
}

/// What a letter typed into a file of 500 lines costs, to the findings' arrival.
#[test]
fn an_edit_is_quick() {
    let place = place();
    let mut editor = Editor::new(&place.path, modern());
    let file = uri(&place.path.join("Dockerfile"));
    let block = "RUN apt-get update && apt-get install -y --no-install-recommends \\\n      curl \\\n      git \\\n    && rm -rf /var/lib/apt/lists/*\nENV KEY=value OTHER=\"with $KEY\"\nCOPY --chown=app:app src/ ./src/\nRUN for f in a b c; do echo \"$f\" | sed 's/a/b/' > /tmp/$f; done\n# a comment\n\nRUN pip install flask\n";
    let text = format!("FROM debian:12-slim\n{}", block.repeat(50));
    assert!(text.lines().count() >= 500);
    editor.open(&file, &text);
    let mut times = Vec::new();
    for i in 0..30 {
        let at = json!({"line": 250, "character": 0});
        let start = Instant::now();
        editor.change(
            &file,
            json!([{"range": {"start": at, "end": at}, "text": if i % 2 == 0 { "#" } else { "x" }}]),
        );
        editor.findings();
        times.push(start.elapsed());
    }
    times.sort();
    let median = times[times.len() / 2];
    println!(
        "an edit in a file of {} lines: median {median:?}, worst {:?}",
        text.lines().count(),
        times.last().unwrap()
    );
    // Without optimisation it takes some ten times as long; the bound is there for the square.
    let bound = if std::env::var_os("MBOPT_LSP").is_some() || !cfg!(debug_assertions) {
        10
    } else {
        500
    };
    assert!(median <= Duration::from_millis(bound), "{median:?}");
    editor.end();
}
