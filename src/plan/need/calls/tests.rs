use super::*;

/// What the first call of a text starts, joined; `?` for what is not known.
fn of(call: &'static str, at: usize, text: &str) -> String {
    let start = Start {
        call,
        at,
        script: false,
        bare: false,
        with: None,
        program: None,
    };
    let begin = text.find(call).expect("the call") + call.len();
    let found = started(&[], &start, text, begin).into_iter().map(|s| match s {
        Started::Program(name) => name,
        Started::Unnamed => "?".to_owned(),
    });
    found.collect::<Vec<_>>().join(" ")
}

#[test]
fn go() {
    let go = |text: &str| of("exec.Command(", 0, text);
    assert_eq!(go("exec.Command(\"git\", \"log\")"), "git");
    assert_eq!(go("const bin = \"git\"\nexec.Command(bin, x)"), "git");
    assert_eq!(go("var bin string = \"git\"\nfunc f() { exec.Command(bin) }"), "git");
    assert_eq!(go("exec.Command(cfg.Path, \"x\")"), "?");
    assert_eq!(go("func run(name string) { exec.Command(name) }"), "?");
    assert_eq!(
        go("p, err := exec.LookPath(\"ffmpeg\")\nexec.Command(p, \"x\")"),
        "ffmpeg"
    );
    assert_eq!(go("exec.Command(\"sh\", \"-c\", \"curl a | tar x\")"), "sh curl tar");
    assert_eq!(
        go("exec.Command(\"/bin/bash\", \"-c\", fmt.Sprintf(\"curl %s\", a))"),
        "bash curl"
    );
    assert_eq!(go("exec.Command(\"sh\", \"-c\", line)"), "sh ?");
    assert_eq!(
        go("exec.Command(\"sh\", \"-c\", \"wget \" + url + \" | jq .\")"),
        "sh wget jq"
    );
    assert_eq!(
        go("cmd := []string{\"git\", \"log\"}\nexec.Command(cmd[0], cmd[1:]...)"),
        "git"
    );
    assert_eq!(
        go("for _, n := range []string{\"git\", \"hg\"} {\n exec.Command(n) }"),
        "git hg"
    );
    assert_eq!(go("exec.Command(filepath.Join(dir, \"tool\"))"), "tool");
    assert_eq!(go("exec.Command(os.Args[0])"), "");
    let context = of("exec.CommandContext(", 1, "exec.CommandContext(f(a, b), \"git\", c)");
    assert_eq!(context, "git");
}

#[test]
fn rust() {
    let rust = |text: &str| of("Command::new(", 0, text);
    assert_eq!(
        rust("Command::new(\"sh\").args([\"-c\", \"curl x | wc\"]).status()"),
        "sh curl wc"
    );
    assert_eq!(
        rust("Command::new(\"sh\")\n  .current_dir(d)\n  .arg(\"-c\")\n  .arg(\"make\")"),
        "sh make"
    );
    assert_eq!(rust("let p = \"ssh\"; Command::new(p).status();"), "ssh");
    assert_eq!(rust("const P: &'static str = \"ssh\";\nCommand::new(P)"), "ssh");
    assert_eq!(rust("Command::new(env::current_exe()?)"), "");
    assert_eq!(rust("Command::new(crate_name!())"), "");
    assert_eq!(rust("Command::new(&self.bin)"), "?");
    assert_eq!(
        rust("fn run(&self, p: &str) { Command::new(p); }\nself.run(\"git\")"),
        "git ?"
    );
}

#[test]
fn others() {
    let java = |text: &str| of("ProcessBuilder(", 0, text);
    assert_eq!(java("new ProcessBuilder(\"git\", \"clone\").start()"), "git");
    assert_eq!(
        java("new ProcessBuilder(Arrays.asList(\"sh\", \"-c\", \"mvn x\"))"),
        "sh mvn"
    );
    assert_eq!(java("new ProcessBuilder(new String[] {\"git\", a})"), "git");
    assert_eq!(
        java("List<String> c = List.of(\"git\", a);\nnew ProcessBuilder(c)"),
        "git"
    );
    assert_eq!(
        java("static final String GIT = \"git\";\nnew ProcessBuilder(Tools.GIT)"),
        "git"
    );
    assert_eq!(java("new ProcessBuilder()"), "");
    assert_eq!(java("new ProcessBuilder(command)"), "?");
    let added = "List<String> c = new ArrayList<>();\nc.add(\"git\");\nc.add(a);\nnew ProcessBuilder(c)";
    assert_eq!(java(added), "git");
    assert_eq!(
        of(
            "FileName =",
            0,
            "new ProcessStartInfo { FileName = \"git\", Arguments = a }"
        ),
        "git"
    );
    let bash = "new ProcessStartInfo { FileName = \"/bin/bash\", Arguments = $\"-c \\\"curl {url}\\\"\" }";
    assert_eq!(of("FileName =", 0, bash), "bash curl");
    assert_eq!(of("FileName =", 0, "info.FileName = name;\nother(\"git\")"), "?");
    assert_eq!(
        of("System.cmd(", 0, "@git \"git\"\nSystem.cmd(@git, [\"--version\"])"),
        "git"
    );
    assert_eq!(of("run(", 0, "subprocess.run([\"git\", \"log\"], check=True)"), "git");
    assert_eq!(of("run(", 0, "subprocess.run([sys.executable, \"-m\", \"x\"])"), "");
    assert_eq!(of("system(", 0, "#define TOOL \"git\"\nsystem(TOOL)"), "git");
    assert_eq!(of("run(", 0, "subprocess.run(f\"{tool} x\", shell=True)"), "?");
    assert_eq!(of("run(", 0, "subprocess.run(\"ls | grep x\", shell=True)"), "ls grep");
}

#[test]
fn nothing_hostile_takes_long() {
    let begun = std::time::Instant::now();
    for piece in [
        "(", "[", "{", "\"", "a=", "new ", ",", "f(", "a.b(", "[]", "'", "\\", "é", "x+", "$", "@", "run(", "a:b",
    ] {
        let text = format!("run({}", piece.repeat(20_000));
        of("run(", 0, Box::leak(text.into_boxed_str()));
        let chain: String = (0..5_000).map(|n| format!("a{n} = a{}\n", n + 1)).collect();
        of("run(", 0, Box::leak(format!("{chain}run(a0{piece}").into_boxed_str()));
    }
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}
