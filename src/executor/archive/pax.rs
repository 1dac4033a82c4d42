//! Records of extension headers: `LENGTH KEY=VALUE\n`, the length counting itself.

use super::Bad;

/// Key and value.
type Record<'a> = (&'a [u8], &'a [u8]);

/// The records of a header, in order. A value may hold any byte.
pub fn records(mut rest: &[u8]) -> Result<Vec<Record<'_>>, Bad> {
    let mut records = Vec::new();
    // Some writers pad with zeros.
    while let Some(first) = rest.first()
        && *first != 0
    {
        let (record, tail) = record(rest).ok_or_else(|| Bad("an extension header in it is malformed".to_owned()))?;
        records.push(record);
        rest = tail;
    }
    Ok(records)
}

fn record(rest: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let space = rest.iter().take(20).position(|b| *b == b' ')?;
    let length: usize = std::str::from_utf8(rest.get(..space)?).ok()?.parse().ok()?;
    let body = rest.get(space + 1..length.checked_sub(1)?)?;
    if *rest.get(length - 1)? != b'\n' {
        return None;
    }
    let equals = body.iter().position(|b| *b == b'=')?;
    Some(((body.get(..equals)?, body.get(equals + 1..)?), rest.get(length..)?))
}

/// Appends a record.
pub fn append(to: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let body = key.len() + value.len() + 3;
    let mut length = body + 1;
    // The length's own digits count, and may add one more.
    while length != body + length.to_string().len() {
        length = body + length.to_string().len();
    }
    to.extend(length.to_string().as_bytes());
    to.push(b' ');
    to.extend(key);
    to.push(b'=');
    to.extend(value);
    to.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_read() {
        let mut bytes = Vec::new();
        let long = vec![b'x'; 95];
        let values: [(&[u8], &[u8]); 4] = [
            (b"path", b"a/b"),
            (b"k", b"with\nline\nends\0="),
            (b"", b""),
            (b"x", &long),
        ];
        for (key, value) in values {
            append(&mut bytes, key, value);
        }
        assert!(bytes.starts_with(b"12 path=a/b\n"));
        assert_eq!(records(&bytes).unwrap(), values);
        bytes.extend([0; 9]);
        assert_eq!(records(&bytes).unwrap().len(), 4);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            &b"x"[..],
            b"0 a=b\n",
            b"999 a=b\n",
            b"6 a=bc\n",
            b"5 ab\n",
            b"18446744073709551616 a=b\n",
            b"-3 a=b\n",
        ] {
            assert!(records(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }
}
