//! A file that is turned over when it is full: `PATH`, then `PATH.1`, `PATH.2` and so on, the
//! oldest of which goes. What cannot be written is lost and ends nothing.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use super::LogFile;

/// The file, shared by whoever writes.
#[derive(Clone)]
pub struct Turned(Arc<Mutex<Inner>>);

struct Inner {
    file: File,
    length: u64,
    settings: LogFile,
}

impl Turned {
    /// Opens it, at its end.
    ///
    /// # Errors
    /// When its directory or the file cannot be made.
    pub fn open(settings: &LogFile) -> io::Result<Self> {
        if let Some(directory) = settings.path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let file = File::options()
            .append(true)
            .create(true)
            .open(&settings.path)?;
        let inner = Inner {
            length: file.metadata()?.len(),
            file,
            settings: settings.clone(),
        };
        Ok(Self(Arc::new(Mutex::new(inner))))
    }
}

fn older(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

impl Inner {
    fn turn_over(&mut self) -> io::Result<()> {
        let path = &self.settings.path;
        let kept = self.settings.older_max;
        for number in (1..kept).rev() {
            let (from, to) = (older(path, number), older(path, number + 1));
            if from.exists() {
                std::fs::rename(from, to)?;
            }
        }
        match kept {
            0 => std::fs::remove_file(path)?,
            _some => std::fs::rename(path, older(path, 1))?,
        }
        self.file = File::options().append(true).create(true).open(path)?;
        self.length = 0;
        Ok(())
    }
}

impl Write for Turned {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.0.lock().expect("nothing panics with this lock");
        let length = bytes.len() as u64;
        if 0 < inner.length && inner.settings.size_max < inner.length + length {
            inner.turn_over()?;
        }
        inner.file.write_all(bytes)?;
        inner.length += length;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Turned {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(size_max: u64, older_max: usize, lines: usize) -> Vec<(String, String)> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sub/log");
        let settings = LogFile {
            path,
            size_max,
            older_max,
        };
        for number in 0..lines {
            // Each run of the daemon goes on where the last one ended.
            let mut file = Turned::open(&settings).unwrap();
            file.write_all(format!("line {number}\n").as_bytes())
                .unwrap();
        }
        let mut files: Vec<(String, String)> = std::fs::read_dir(directory.path().join("sub"))
            .unwrap()
            .map(|file| {
                let path = file.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, std::fs::read_to_string(path).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    #[test]
    fn a_full_file_is_turned_over_and_the_oldest_goes() {
        let name = |name: &str, text: &str| (name.to_string(), text.to_string());
        assert_eq!(
            write(14, 2, 7),
            [
                name("log", "line 6\n"),
                name("log.1", "line 4\nline 5\n"),
                name("log.2", "line 2\nline 3\n"),
            ]
        );
        assert_eq!(write(14, 0, 3), [name("log", "line 2\n")]);
        assert_eq!(write(1, 1, 2).len(), 2);
    }
}
