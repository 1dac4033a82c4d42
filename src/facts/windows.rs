//! Which stages are Windows images.

use crate::model::Stage;

/// Whether the image at the root of the stage's chain is a Windows one, as far as its name tells.
pub fn is_windows(stage: &Stage) -> bool {
    let Some(image) = stage.root_image.as_ref().or(stage.image.as_ref()) else {
        return false;
    };
    let name = image.text.to_ascii_lowercase();
    [
        "windowsservercore",
        "nanoserver",
        "servercore",
        "windows/server",
        "mcr.microsoft.com/windows",
        "ltsc20",
    ]
    .iter()
    .any(|word| name.contains(word))
}
