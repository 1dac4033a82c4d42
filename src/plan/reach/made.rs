//! What is known of a path that JavaScript makes: where it begins, as far as literals, the file's own
//! folder and the working directory say.

/// Variables are followed so far.
const DEEPEST: usize = 5;

/// The beginning of the path that an expression makes: `./a/` seen from the file's folder, `/a/` from
/// the working directory, else as it is written. None where not even that is known.
pub fn prefix(expression: &str, text: &str) -> Option<String> {
    let (path, _) = begin(expression, text, 0)?;
    (!path.is_empty()).then_some(path)
}

/// The beginning, and whether it is all of it.
fn begin(expression: &str, text: &str, depth: usize) -> Option<(String, bool)> {
    let expression = expression.trim();
    if depth > DEEPEST {
        return None;
    }
    match expression {
        "__dirname" | "import.meta.dirname" => return Some(("./".to_owned(), true)),
        "process.cwd()" | "appRoot" | "global.appRoot" => return Some(("/".to_owned(), true)),
        "__filename" => return None,
        _ => {}
    }
    if let Some(body) = quoted(expression) {
        if !expression.starts_with('`') {
            return Some((body.to_owned(), true));
        }
        return template(body, text, depth);
    }
    if let Some((left, right)) = sum(expression) {
        let (mut path, whole) = begin(left, text, depth + 1)?;
        if !whole {
            return Some((path, false));
        }
        let rest = begin(right, text, depth + 1);
        let Some((rest, all)) = rest.filter(|(rest, _)| !rest.starts_with("./")) else {
            return Some((path, false));
        };
        attach(&mut path, &rest);
        return Some((path, all));
    }
    if let Some((name, arguments)) = call(expression) {
        let last = name.rsplit('.').next().unwrap_or(name);
        if !matches!(
            last,
            "join" | "resolve" | "normalize" | "pathToFileURL" | "fileURLToPath" | "dirname"
        ) {
            return None;
        }
        if last == "dirname" || last == "fileURLToPath" {
            return expression.contains("import.meta.url").then(|| ("./".to_owned(), true));
        }
        let mut parts = arguments.into_iter();
        let (mut path, mut whole) = begin(parts.next()?, text, depth + 1)?;
        // `path.resolve("a")` is seen from the working directory.
        if last == "resolve" && !path.starts_with(['.', '/']) {
            path.insert(0, '/');
        }
        for part in parts {
            if !whole {
                break;
            }
            let Some(rest) = quoted(part.trim()).filter(|_| !part.contains("${")) else {
                if !path.ends_with('/') {
                    path.push('/');
                }
                whole = false;
                break;
            };
            if !path.ends_with('/') {
                path.push('/');
            }
            path.push_str(rest.trim_start_matches("./").trim_start_matches('/'));
        }
        return Some((path, whole));
    }
    let is_name = !expression.is_empty()
        && expression
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$'))
        && !expression.starts_with(|c: char| c.is_ascii_digit());
    if is_name {
        return begin(definition(expression, text)?, text, depth + 1);
    }
    None
}

/// `${dir}/a/${name}`: what stands in front of the first part that is not known.
fn template(body: &str, text: &str, depth: usize) -> Option<(String, bool)> {
    let mut path = String::new();
    let mut rest = body;
    let mut first = true;
    while let Some(at) = rest.find("${") {
        path.push_str(rest.get(..at)?);
        let behind = rest.get(at + 2..)?;
        let end = behind.find('}')?;
        let inner = begin(behind.get(..end)?, text, depth + 1);
        match inner {
            Some((inner, whole)) if first && path.is_empty() => {
                path = inner;
                if !whole {
                    return Some((path, false));
                }
            }
            _ => return (!path.is_empty()).then_some((path, false)),
        }
        first = false;
        rest = behind.get(end + 1..)?;
        if path.ends_with('/') {
            rest = rest.trim_start_matches('/');
        }
    }
    path.push_str(rest);
    Some((path, true))
}

/// Adds a part that is not a path of its own.
fn attach(path: &mut String, rest: &str) {
    if path.ends_with('/') {
        path.push_str(rest.trim_start_matches('/'));
    } else {
        path.push_str(rest);
    }
}

fn quoted(expression: &str) -> Option<&str> {
    let quote = expression.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let inner = expression.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inner.contains(quote)).then_some(inner)
}

/// The two sides of a `+` that stands in no brackets and quotes.
fn sum(expression: &str) -> Option<(&str, &str)> {
    let at = outside(expression, b'+').next()?;
    Some((expression.get(..at)?, expression.get(at + 1..)?))
}

/// A call's name and arguments.
fn call(expression: &str) -> Option<(&str, Vec<&str>)> {
    let inner = expression.strip_suffix(')')?;
    let open = inner.find('(')?;
    let name = inner.get(..open)?;
    let body = inner.get(open + 1..)?;
    let mut arguments = Vec::new();
    let mut done = 0;
    for at in outside(body, b',') {
        arguments.push(body.get(done..at)?);
        done = at + 1;
    }
    arguments.push(body.get(done..)?);
    Some((name.trim(), arguments))
}

/// Where a byte stands outside of brackets and quotes.
fn outside(text: &str, wanted: u8) -> impl Iterator<Item = usize> + '_ {
    let mut depth = 0_i32;
    let mut quote = 0;
    text.bytes().enumerate().filter_map(move |(at, byte)| {
        if quote != 0 {
            if byte == quote {
                quote = 0;
            }
            return None;
        }
        match byte {
            b'"' | b'\'' | b'`' => quote = byte,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        (byte == wanted && depth == 0).then_some(at)
    })
}

/// What a variable is set to, up to the end of its line.
fn definition<'t>(name: &str, text: &'t str) -> Option<&'t str> {
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let before = rest.get(..at).unwrap_or_default();
        let behind = rest.get(at + name.len()..)?;
        let own = !before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.'));
        let value = behind.trim_start();
        if own && let Some(value) = value.strip_prefix('=').filter(|v| !v.starts_with(['=', '>'])) {
            let end = value.find(['\n', ';']).unwrap_or(value.len());
            return value.get(..end).map(str::trim);
        }
        rest = behind;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::prefix;

    #[test]
    fn beginnings_are_found() {
        let text = "const dir = join(__dirname, './handlers')\nlet base = path.resolve(process.cwd(), 'data');\nconst file = path.join(dir, name);\nvar other = name;\n";
        for (expression, wanted) in [
            ("`${dir}/${handler}`", Some("./handlers/")),
            ("file", Some("./handlers/")),
            ("path.join(dir, 'x', name)", Some("./handlers/x/")),
            (
                "path_1.default.resolve(process.cwd(), \"database\", \"database.json\")",
                Some("/database/database.json"),
            ),
            ("base + '/' + name", Some("/data/")),
            ("`./plugins/${name}`", Some("./plugins/")),
            ("'./a/' + name", Some("./a/")),
            ("__dirname + '/x/' + name", Some("./x/")),
            ("path.join(__dirname, file)", Some("./")),
            ("path.resolve('routes', name)", Some("/routes/")),
            ("name", None),
            ("other", None),
            ("load(name)", None),
            ("`${name}`", None),
        ] {
            assert_eq!(prefix(expression, text).as_deref(), wanted, "{expression}");
        }
    }
}
