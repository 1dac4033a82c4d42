//! What to do where a machine does not allow sandboxes.

use std::fs;

/// Looks at what forbids it, and says what helps.
pub fn not_allowed() -> String {
    let on = |path: &str, value: &str| fs::read_to_string(path).is_ok_and(|text| text.trim() == value);
    if on("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        return "AppArmor restricts user namespaces here: give mbopt a profile that allows `userns`, or run \
                `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or use `--engine docker`"
            .to_owned();
    }
    if on("/proc/sys/kernel/unprivileged_userns_clone", "0") || on("/proc/sys/user/max_user_namespaces", "0") {
        return "the kernel forbids user namespaces here: allow them with `sudo sysctl \
                kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000`, run mbopt as root, or use \
                `--engine docker`"
            .to_owned();
    }
    let contained = fs::exists("/.dockerenv").unwrap_or(false) || fs::exists("/run/.containerenv").unwrap_or(false);
    if contained {
        return "mbopt runs inside of a container that forbids it: start that one with `--privileged`, or with \
                `--cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
                --security-opt systempaths=unconfined`, or use `--engine docker`"
            .to_owned();
    }
    "run mbopt as root, or as a user that may make user namespaces, or use `--engine docker`".to_owned()
}
