//! `--chmod`: octal, or symbolic as in chmod(1).

/// A change of modes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chmod {
    /// This one.
    Octal(u32),
    /// Clauses, one after the other.
    Symbolic(Vec<Clause>),
}

/// Who, and what is done: `u=rwX`, `go-w`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    who: u32,
    actions: Vec<(char, String)>,
}

const USER: u32 = 0o4700;
const GROUP: u32 = 0o2070;
const OTHER: u32 = 0o1007;

impl Chmod {
    /// Reads a mode; none where it is none.
    pub fn parse(text: &str) -> Option<Chmod> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return u32::from_str_radix(text, 8)
                .ok()
                .filter(|mode| *mode <= 0o7777)
                .map(Chmod::Octal);
        }
        let clauses: Option<Vec<Clause>> = text.split(',').map(Clause::parse).collect();
        clauses.map(Chmod::Symbolic)
    }

    /// The mode that comes of `mode`.
    pub fn apply(&self, mode: u32, is_dir: bool) -> u32 {
        match self {
            Chmod::Octal(mode) => *mode,
            Chmod::Symbolic(clauses) => clauses
                .iter()
                .fold(mode & 0o7777, |mode, clause| clause.apply(mode, is_dir)),
        }
    }
}

impl Clause {
    fn parse(text: &str) -> Option<Clause> {
        let mut who = 0;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            who |= match c {
                'u' => USER,
                'g' => GROUP,
                'o' => OTHER,
                'a' => USER | GROUP | OTHER,
                _ => break,
            };
            rest = rest.get(1..).unwrap_or_default();
        }
        if who == 0 {
            who = USER | GROUP | OTHER;
        }
        let mut actions = Vec::new();
        while let Some(op) = rest.chars().next() {
            if !matches!(op, '+' | '-' | '=') {
                return None;
            }
            rest = rest.get(1..).unwrap_or_default();
            let end = rest.find(['+', '-', '=']).unwrap_or(rest.len());
            let (permissions, behind) = rest.split_at_checked(end)?;
            if !permissions.chars().all(|c| "rwxXstugo".contains(c)) {
                return None;
            }
            actions.push((op, permissions.to_owned()));
            rest = behind;
        }
        (!actions.is_empty()).then_some(Clause { who, actions })
    }

    fn apply(&self, mut mode: u32, is_dir: bool) -> u32 {
        for (op, permissions) in &self.actions {
            let mut bits = 0;
            for c in permissions.chars() {
                bits |= match c {
                    'r' => 0o444,
                    'w' => 0o222,
                    'x' => 0o111,
                    'X' if is_dir || mode & 0o111 != 0 => 0o111,
                    's' => 0o6000,
                    't' => 0o1000,
                    'u' => spread(mode >> 6),
                    'g' => spread(mode >> 3),
                    'o' => spread(mode),
                    _ => 0,
                };
            }
            let bits = bits & self.who;
            mode = match op {
                '+' => mode | bits,
                '-' => mode & !bits,
                _ => mode & !(self.who & 0o777) | bits,
            };
        }
        mode
    }
}

/// Three bits for user, group and others alike.
fn spread(bits: u32) -> u32 {
    let bits = bits & 7;
    bits << 6 | bits << 3 | bits
}

#[cfg(test)]
mod tests {
    use super::Chmod;

    #[test]
    fn modes_change() {
        for (text, mode, is_dir, result) in [
            ("755", 0o600, false, 0o755),
            ("u=rwX,go=rX", 0o640, false, 0o644),
            ("u=rwX,go=rX", 0o600, true, 0o755),
            ("+x", 0o644, false, 0o755),
            ("a-w", 0o666, false, 0o444),
            ("u+s", 0o755, false, 0o4755),
            ("go=u", 0o700, false, 0o777),
            ("u+x-w", 0o600, false, 0o500),
        ] {
            assert_eq!(
                Chmod::parse(text).map(|c| c.apply(mode, is_dir)),
                Some(result),
                "{text}"
            );
        }
        assert!(
            ["", "8", "u", "u+z", "10000"]
                .iter()
                .all(|bad| Chmod::parse(bad).is_none())
        );
    }
}
