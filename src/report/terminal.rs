//! A terminal that bars can be drawn on.
//!
//! Owns that a frame is written at once, and that a terminal that is gone is no error: indicatif ends
//! the program when it cannot clear its bars, and a scan of hours outlives the window it was started
//! in.

use indicatif::TermLike;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where text for people goes.
pub type Sink = Arc<Mutex<dyn Write + Send>>;

/// Writes to `sink` with the escapes of ECMA-48 that every terminal knows.
pub struct Terminal {
    sink: Sink,
    /// Rows and columns, now.
    size: fn() -> (u16, u16),
    frame: Mutex<String>,
}

impl fmt::Debug for Terminal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Terminal").finish_non_exhaustive()
    }
}

impl Terminal {
    /// A terminal behind `sink`, whose `size` is in rows and columns.
    #[must_use]
    pub fn new(sink: Sink, size: fn() -> (u16, u16)) -> Self {
        Self { sink, size, frame: Mutex::default() }
    }

    fn frame(&self) -> MutexGuard<'_, String> {
        self.frame.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.frame().write_fmt(text).map_err(io::Error::other)
    }

    /// Moves the cursor; a number of zero would be taken for one.
    fn go(&self, cells: usize, direction: char) -> io::Result<()> {
        if cells == 0 { Ok(()) } else { self.put(format_args!("\u{1b}[{cells}{direction}")) }
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        (self.size)().1
    }

    fn height(&self) -> u16 {
        (self.size)().0
    }

    fn move_cursor_up(&self, rows: usize) -> io::Result<()> {
        self.go(rows, 'A')
    }

    fn move_cursor_down(&self, rows: usize) -> io::Result<()> {
        self.go(rows, 'B')
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.go(columns, 'C')
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.go(columns, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.put(format_args!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.put(format_args!("{text}"))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.put(format_args!("\r\u{1b}[2K"))
    }

    fn flush(&self) -> io::Result<()> {
        let frame = std::mem::take(&mut *self.frame());
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody is there to see it, and to be told.
        let _ = sink.write_all(frame.as_bytes()).and_then(|()| sink.flush());
        Ok(())
    }
}

/// Rows and columns of the terminal behind standard error; the classic ones where it does not say.
pub fn size() -> (u16, u16) {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0);
    size.map_or((24, 80), |size| (size.ws_row, size.ws_col))
}
