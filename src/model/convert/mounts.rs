//! RUN: its mounts once their variables are put in, and devices.

use super::Converter;
use super::dispatch::Place;
use crate::model::instruction::{Instruction, Mount};
use crate::model::join_path;
use crate::model::mount;
use std::sync::Arc;

/// Longer paths are not joined: relative WORKDIRs add up.
const MAX_PATH: usize = 4096;

impl Converter<'_> {
    pub(super) fn run(&mut self, instruction: &Instruction, mounts: &[Mount], place: Place) {
        let mut checked = Vec::with_capacity(mounts.len());
        for mount in mounts {
            let mut fields = Vec::with_capacity(mount.options.len());
            let mut open = false;
            for (key, word) in &mount.options {
                let value = match word {
                    Some(word) => {
                        let Some(value) = self.value(word, place) else {
                            return;
                        };
                        open |= value.open;
                        Some(value.text.into_owned())
                    }
                    None => None,
                };
                fields.push((key.clone(), value));
            }
            match mount::check_expanded(&fields) {
                Ok(fine) => checked.push((mount, fine, open)),
                Err((i, message)) => {
                    let place_of = mount
                        .options
                        .get(i)
                        .and_then(|(_, w)| w.as_ref())
                        .map_or(mount.span, |w| w.span);
                    self.fault(open, message, place_of, place);
                    return;
                }
            }
        }
        for (mount, fine, open) in checked {
            if let Some((word, reference)) = &mount.from
                && let Some(later) = reference.stage().filter(|s| *s > place.stage)
            {
                self.later_stage(word, later, place);
                return;
            }
            if matches!(fine.kind.as_str(), "secret" | "ssh") {
                continue;
            }
            let stage = self.out.stages.get(place.stage.0);
            let before = match stage.and_then(|s| s.workdirs.at(usize::MAX)) {
                Some(setting) => setting.value.clone(),
                None => Some(Arc::from("/")),
            };
            let on_image = stage.is_some_and(|s| !s.from_scratch && s.workdirs.at(usize::MAX).is_none());
            let Some(before) = before else { continue };
            if before.len() + fine.target.len() <= MAX_PATH && join_path(&before, &fine.target) == "/" {
                let open = open || (on_image && !fine.target.starts_with('/'));
                let span = mount.target.as_ref().map_or(mount.span, |t| t.span);
                self.fault(open, "a mount needs a `target` other than `/`".to_owned(), span, place);
                return;
            }
        }
        if let Some(flag) = instruction.flag("device") {
            let message =
                "`--device` needs the labs frontend: put `# syntax=docker/dockerfile:1-labs` on the first line";
            self.fault(self.has_syntax, message.to_owned(), flag.span, place);
        }
    }
}
