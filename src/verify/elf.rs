//! What an ELF file needs to be started: its interpreter and its shared libraries.

use super::files::Content;
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, ReadCache, ReadRef, elf};

/// What an ELF executable or library asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// PT_INTERP, the loader; none for static files and for libraries.
    pub interpreter: Option<String>,
    /// DT_NEEDED, in order.
    pub libraries: Vec<String>,
    /// DT_RPATH, cut at `:`.
    pub rpath: Vec<String>,
    /// DT_RUNPATH, cut at `:`.
    pub runpath: Vec<String>,
    /// The machine that it is for, as ELF numbers them.
    pub machine: u16,
    /// 64 bit.
    pub wide: bool,
}

/// Reads them, and little else of a file; none where it is no ELF file, or a broken one.
pub fn needs(content: &mut dyn Content) -> Option<Needs> {
    let cache = ReadCache::new(content);
    match object::FileKind::parse(&cache).ok()? {
        object::FileKind::Elf32 => read::<elf::FileHeader32<Endianness>, _>(&cache, false),
        object::FileKind::Elf64 => read::<elf::FileHeader64<Endianness>, _>(&cache, true),
        _ => None,
    }
}

fn read<'d, Elf, Bytes>(bytes: Bytes, wide: bool) -> Option<Needs>
where
    Elf: FileHeader<Endian = Endianness>,
    Bytes: ReadRef<'d>,
{
    let header = Elf::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let mut needs = Needs {
        machine: header.e_machine(endian).0,
        wide,
        ..Needs::default()
    };
    let segments = header.program_headers(endian, bytes).ok()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for segment in segments {
        if let Ok(Some(interpreter)) = segment.interpreter(endian, bytes) {
            needs.interpreter = Some(text(interpreter));
        }
    }
    // The string table is named by its address in memory; the segment that holds it says where in
    // the file that is. Section headers may be stripped.
    let entries = segments
        .iter()
        .find_map(|segment| segment.dynamic(endian, bytes).ok()?)?;
    let value = |tag: elf::DynamicTag| {
        entries
            .iter()
            .find(|e| e.tag(endian) == tag)
            .map(|e| e.d_val(endian).into())
    };
    let table = value(elf::DT_STRTAB).and_then(|address: u64| {
        let length: u64 = value(elf::DT_STRSZ)?;
        segments
            .iter()
            .find_map(|segment| segment.data_range(endian, bytes, address, length).ok()?)
    });
    let Some(table) = table else { return Some(needs) };
    let string = |offset: u64| {
        let rest = table.get(usize::try_from(offset).ok()?..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        rest.get(..end).map(text)
    };
    let cut = |paths: String| -> Vec<String> {
        let paths = paths.split(':').filter(|path| !path.is_empty());
        paths.map(str::to_owned).collect()
    };
    for entry in entries {
        let tag = entry.tag(endian);
        let Some(found) = string(entry.d_val(endian).into()) else {
            continue;
        };
        match tag {
            elf::DT_NEEDED => needs.libraries.push(found),
            elf::DT_RPATH => needs.rpath = cut(found),
            elf::DT_RUNPATH => needs.runpath = cut(found),
            elf::DT_NULL => break,
            _ => {}
        }
    }
    Some(needs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn this_very_program_is_read() {
        let mut file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
        let needs = needs(&mut file).unwrap();
        if cfg!(target_env = "gnu") {
            assert!(needs.interpreter.unwrap().contains("ld-linux"));
            assert!(needs.libraries.iter().any(|library| library.starts_with("libc.so")));
        }
        assert_eq!(needs.wide, cfg!(target_pointer_width = "64"));
    }

    #[test]
    fn other_files_are_none() {
        for bytes in ["#!/bin/sh\n", "\x7fELF", ""] {
            assert_eq!(needs(&mut std::io::Cursor::new(bytes)), None);
        }
    }
}
