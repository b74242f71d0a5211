//! SHA-256 of files, as the tables of a run tell them.

use super::file::FileError;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes in lower-case hexadecimal.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The SHA-256 of a whole file, in lower-case hexadecimal.
///
/// # Errors
/// As the file system says.
pub fn sha256_of(path: &Path) -> Result<String, FileError> {
    let digest = || -> io::Result<String> {
        let mut file = File::open(path)?;
        let mut digest = Sha256::new();
        let mut block = vec![0; 256 * 1024];
        loop {
            match file.read(&mut block)? {
                0 => return Ok(hexadecimal(&digest.finalize())),
                read => digest.update(&block[..read]),
            }
        }
    };
    digest().map_err(FileError::at("read", path))
}
