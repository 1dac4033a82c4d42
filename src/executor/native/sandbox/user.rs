//! Who a USER instruction means, by a root's own `/etc/passwd` and `/etc/group`.

/// A user that a process can be run as.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// User.
    pub uid: u32,
    /// Main group.
    pub gid: u32,
    /// All groups, the main one first.
    pub groups: Vec<u32>,
    /// The home directory, where the user has an entry.
    pub home: Option<String>,
}

/// What `wanted` (`name`, `uid`, `name:group`, `uid:gid`, empty for root) means, given the text of
/// the root's `/etc/passwd` and `/etc/group`. By the rules of BuildKit and runc: a number needs no
/// entry; a user without a named group gets the groups that list it; with one, only that. The main
/// group is also one of the process' groups: else a file that it must not touch could be reached by
/// giving the main group up.
///
/// # Errors
/// The name that has no entry.
pub fn identify(wanted: &str, passwd: &str, group: &str) -> Result<Identity, String> {
    let (user, wanted_group) = match wanted.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (wanted, None),
    };
    let number = if user.is_empty() {
        Some(0)
    } else {
        user.parse::<u32>().ok()
    };
    // A name first: a user may be called `1000`.
    let entry = entries(passwd)
        .find(|fields| !user.is_empty() && fields.first() == Some(&user))
        .or_else(|| entries(passwd).find(|fields| number.is_some() && id(fields, 2) == number));
    let mut identity = match (&entry, number) {
        (Some(fields), _) => Identity {
            uid: id(fields, 2).ok_or_else(|| format!("the entry of user {user} in /etc/passwd has no number"))?,
            gid: id(fields, 3).unwrap_or(0),
            groups: Vec::new(),
            home: fields
                .get(5)
                .filter(|home| !home.is_empty())
                .map(|home| (*home).to_owned()),
        },
        (None, Some(uid)) => Identity {
            uid,
            ..Identity::default()
        },
        (None, None) => return Err(format!("there is no user {user} in the image's /etc/passwd")),
    };
    if let Some(wanted) = wanted_group {
        let named = entries(group).find(|fields| fields.first() == Some(&wanted));
        identity.gid = named
            .and_then(|fields| id(&fields, 2))
            .or_else(|| wanted.parse().ok())
            .ok_or_else(|| format!("there is no group {wanted} in the image's /etc/group"))?;
    } else if let Some(name) = entry
        .as_ref()
        .and_then(|fields| fields.first())
        .filter(|_| !user.is_empty())
    {
        let listed = entries(group)
            .filter(|fields| {
                fields
                    .get(3)
                    .is_some_and(|members| members.split(',').any(|member| member == *name))
            })
            .filter_map(|fields| id(&fields, 2));
        identity.groups.extend(listed);
    }
    let main = identity.gid;
    identity.groups.retain(|group| *group != main);
    identity.groups.insert(0, main);
    Ok(identity)
}

fn entries(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split(':').collect())
}

fn id(fields: &[&str], at: usize) -> Option<u32> {
    fields.get(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\n# c\napp:x:1000:1001::/home/app:/bin/sh\nbroken\n7:x:70:71::/:\n";
    const GROUP: &str = "root:x:0:\nstaff:x:50:app,root\nextra:x:60:root,app\n";

    fn who(wanted: &str) -> (u32, u32, Vec<u32>) {
        let identity = identify(wanted, PASSWD, GROUP).unwrap();
        (identity.uid, identity.gid, identity.groups)
    }

    #[test]
    fn names_and_numbers() {
        assert_eq!(who("app"), (1000, 1001, vec![1001, 50, 60]));
        assert_eq!(who("1000"), (1000, 1001, vec![1001, 50, 60]));
        assert_eq!(who("app:staff"), (1000, 50, vec![50]));
        assert_eq!(who("app:77"), (1000, 77, vec![77]));
        assert_eq!(who("4000"), (4000, 0, vec![0]));
        assert_eq!(who("4000:50"), (4000, 50, vec![50]));
        assert_eq!(who("7"), (70, 71, vec![71]));
        assert_eq!(who(""), (0, 0, vec![0]));
        assert_eq!(who("root"), (0, 0, vec![0, 50, 60]));
        assert_eq!(
            identify("app", PASSWD, GROUP).unwrap().home.as_deref(),
            Some("/home/app")
        );
        assert_eq!(identify("4000", "", "").unwrap().home, None);
    }

    #[test]
    fn what_has_no_entry_is_named() {
        assert!(identify("nobody", PASSWD, GROUP).unwrap_err().contains("nobody"));
        assert!(identify("app:nogroup", PASSWD, GROUP).unwrap_err().contains("nogroup"));
    }
}
