//! Compression of a file in members: pieces that can be compressed at once, and read without those
//! before them.
//!
//! Owns that the compressed bytes depend on the rows alone: a member ends with the first row that
//! fills it, counted from the file's start, and neither time nor name nor the machine's features come
//! in. Gzip is written by `miniz_oxide`, which is the same on every processor where faster libraries
//! choose by its features, and makes up for it by members compressed beside each other.

use crate::job::Compression;
use flate2::GzBuilder;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::num::NonZero;
use std::thread::{self, JoinHandle};

/// A member is full with this many bytes of rows: enough to compress as well as a whole file within a
/// few percent, and little enough to hold several in memory.
const MEMBER: usize = 2 * 1024 * 1024;
/// Most members of a file compressed at once.
const MOST_AT_ONCE: usize = 4;

const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

/// Compresses one file. The members under way run on threads of their own; whoever drops this without
/// finishing leaves them to end by themselves, and they touch no file.
pub struct Compressor {
    format: Format,
    member: Vec<u8>,
    running: VecDeque<JoinHandle<io::Result<Vec<u8>>>>,
    at_once: usize,
    has_members: bool,
}

/// How a member is compressed.
#[derive(Clone, Copy)]
enum Format {
    Gzip,
    Zstd,
}

impl Compressor {
    /// A compressor of one file; `None` where it is to stay as it is.
    pub fn new(compression: Compression) -> Option<Self> {
        let format = match compression {
            Compression::None => return None,
            Compression::Gzip => Format::Gzip,
            Compression::Zstd => Format::Zstd,
        };
        let at_once = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_AT_ONCE);
        Some(Self { format, member: Vec::new(), running: VecDeque::new(), at_once, has_members: false })
    }

    /// Takes a whole row, or what stands before the first, and gives the next compressed bytes to
    /// `out` where a member is full.
    ///
    /// # Errors
    /// As compressing or `out` says.
    pub fn write<E: From<io::Error>>(&mut self, row: &[u8], out: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.member.extend_from_slice(row);
        if self.member.len() >= MEMBER { self.end_member(out) } else { Ok(()) }
    }

    /// Gives all that is left to `out`: at least one member, for programs take a file without any for
    /// a broken one.
    ///
    /// # Errors
    /// As compressing or `out` says.
    pub fn finish<E: From<io::Error>>(mut self, mut out: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if !self.member.is_empty() || !self.has_members {
            self.end_member(&mut out)?;
        }
        while let Some(oldest) = self.running.pop_front() {
            out(&landed(oldest)?)?;
        }
        Ok(())
    }

    fn end_member<E: From<io::Error>>(&mut self, mut out: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.running.len() >= self.at_once
            && let Some(oldest) = self.running.pop_front()
        {
            out(&landed(oldest)?)?;
        }
        let format = self.format;
        let member = std::mem::take(&mut self.member);
        let thread = thread::Builder::new().name("compress".to_owned()).spawn(move || compressed(format, &member))?;
        self.running.push_back(thread);
        self.has_members = true;
        Ok(())
    }
}

/// What a thread compressed; its panic goes on here.
fn landed(thread: JoinHandle<io::Result<Vec<u8>>>) -> io::Result<Vec<u8>> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn compressed(format: Format, member: &[u8]) -> io::Result<Vec<u8>> {
    let out = Vec::with_capacity(member.len() / 4);
    match format {
        Format::Gzip => {
            // The header's time is 0 and its operating system unknown unless one is set.
            let mut encoder = GzBuilder::new().write(out, flate2::Compression::new(GZIP_LEVEL));
            encoder.write_all(member)?;
            encoder.finish()
        }
        Format::Zstd => {
            let mut encoder = zstd::Encoder::new(out, ZSTD_LEVEL)?;
            encoder.include_checksum(true)?;
            // Known beforehand, it stands in the frame's header for readers to allocate by.
            encoder.set_pledged_src_size(Some(member.len() as u64))?;
            encoder.write_all(member)?;
            encoder.finish()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn compress(compression: Compression, rows: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut compressor = Compressor::new(compression).unwrap();
        for row in rows {
            compressor
                .write(row, |out| -> io::Result<()> {
                    bytes.extend_from_slice(out);
                    Ok(())
                })
                .unwrap();
        }
        compressor
            .finish(|out| -> io::Result<()> {
                bytes.extend_from_slice(out);
                Ok(())
            })
            .unwrap();
        bytes
    }

    fn rows(count: usize) -> Vec<Vec<u8>> {
        (0..count)
            .map(|n| format!("account,bucket,year=2025/part-{n:09}.parquet,{}\n", n * 7919).into_bytes())
            .collect()
    }

    /// Members or frames, each by itself.
    fn members(compression: Compression, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut rest = bytes;
        let mut members = Vec::new();
        while !rest.is_empty() {
            let mut member = Vec::new();
            if compression == Compression::Gzip {
                flate2::bufread::GzDecoder::new(&mut rest).read_to_end(&mut member).unwrap();
            } else {
                zstd::Decoder::with_buffer(&mut rest).unwrap().single_frame().read_to_end(&mut member).unwrap();
            }
            members.push(member);
        }
        members
    }

    #[test]
    fn members_end_with_the_row_that_fills_them() {
        let rows = rows(200_000);
        for compression in [Compression::Gzip, Compression::Zstd] {
            let bytes = compress(compression, &rows);
            let members = members(compression, &bytes);
            assert!(members.len() > MOST_AT_ONCE, "{}", members.len());
            assert!(members.concat() == rows.concat());
            let (last, full) = members.split_last().unwrap();
            assert!(last.len() < MEMBER);
            for member in full {
                assert!((MEMBER..MEMBER + 100).contains(&member.len()), "{}", member.len());
                assert!(member.starts_with(b"account,") && member.ends_with(b"\n"));
            }
            assert!(bytes == compress(compression, &rows));
        }
    }

    #[test]
    fn nothing_gives_one_empty_member() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            assert_eq!(members(compression, &compress(compression, &[])), [b""]);
        }
    }

    #[test]
    fn gzip_says_nothing_of_time_name_and_machine() {
        let bytes = compress(Compression::Gzip, &rows(1));
        assert_eq!(&bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
    }

    #[test]
    fn zstd_says_how_long_a_frame_is_and_checks_it() {
        let rows = rows(10);
        let mut bytes = compress(Compression::Zstd, &rows);
        let length = zstd::zstd_safe::get_frame_content_size(&bytes).unwrap();
        assert_eq!(length, Some(rows.concat().len() as u64));
        *bytes.last_mut().unwrap() ^= 1;
        assert!(zstd::decode_all(bytes.as_slice()).is_err());
    }
}
