//! Cache keys.

use super::{Building, Failure};
use crate::executor::digest::Digest;
use crate::executor::engine::Network;
use crate::executor::native::store::digest_of;
use crate::executor::native::vertex::{Copy, CopyRules, Item, Mount, MountKind, Op, Run, RunNetwork, Source};
use serde_json::{Value, json};

/// Counts changes after which results of older versions cannot be used.
const VERSION: u32 = 1;

impl Building<'_> {
    /// The key of a step on these layers.
    pub(super) fn key(&self, op: &Op, below: &[Digest]) -> Result<Digest, Failure> {
        let what = match op {
            Op::Run(run) => self.run_key(run)?,
            Op::Copy(copy) => self.copy_key(copy)?,
            Op::Mkdir(mkdir) => json!(["mkdir", mkdir.path, mkdir.user]),
        };
        // What is linked does not depend on what it is put on.
        let below = match op {
            Op::Copy(copy) if copy.link => &[],
            _ => below,
        };
        let all = json!([VERSION, below, what, self.solver.store.keeps_owners(), self.epoch()]);
        Ok(digest_of(all.to_string().as_bytes()))
    }

    fn run_key(&self, run: &Run) -> Result<Value, Failure> {
        let mounts: Result<Vec<Value>, Failure> = run.mounts.iter().map(|mount| self.mount_key(mount)).collect();
        let mut env = run.env.clone();
        env.sort();
        let network = match (run.network, self.solver.request.network) {
            (RunNetwork::None, _) | (RunNetwork::Default, Network::None) => RunNetwork::None,
            _ => RunNetwork::Host,
        };
        Ok(json!(["run", run.args, env, run.cwd, run.user, network, mounts?]))
    }

    fn mount_key(&self, mount: &Mount) -> Result<Value, Failure> {
        let kind = match &mount.kind {
            MountKind::Bind { from, path, readonly } => {
                json!(["bind", self.content(from, path, &CopyRules::whole())?, readonly])
            }
            MountKind::Cache { id, path, readonly, .. } => json!(["cache", id, path, readonly]),
            MountKind::Tmpfs { size } => json!(["tmpfs", size]),
            MountKind::Secret {
                id,
                mode,
                uid,
                gid,
                env,
                file,
                ..
            } => json!(["secret", id, mode, uid, gid, env, file]),
            MountKind::Inline { name, content } => json!(["inline", name, digest_of(content)]),
        };
        Ok(json!([mount.target, kind]))
    }

    fn copy_key(&self, copy: &Copy) -> Result<Value, Failure> {
        let items: Result<Vec<Value>, Failure> =
            copy.items.iter().map(|item| self.item_key(item, &copy.rules)).collect();
        Ok(json!(["copy", items?, copy.dest, copy.rules, copy.link]))
    }

    fn item_key(&self, item: &Item, rules: &CopyRules) -> Result<Value, Failure> {
        Ok(match item {
            Item::Files { from, pattern } => {
                let owners = !matches!(from, Source::Context | Source::Named(_));
                json!([
                    "files",
                    self.content(from, pattern, rules)?,
                    pattern.ends_with('/'),
                    owners
                ])
            }
            Item::Inline { name, content } => json!(["inline", name, digest_of(content)]),
            // With a checksum it cannot be anything else.
            Item::Url {
                url,
                checksum: Some(checksum),
                unpack,
            } => json!(["url", url, checksum, unpack]),
            Item::Url { url, unpack, .. } => json!(["url", url, unpack, self.remote_state(url)?]),
            Item::Git {
                address,
                keep_git_dir,
                checksum,
            } => json!(["git", address, keep_git_dir, checksum, self.remote_state(address)?]),
        })
    }
}
