//! The files of models, by digest: what is there is whole, and what nobody recorded goes.
//!
//! A file is written under a passing name and locked as long as it is; a file that nobody holds and
//! no model has was left by a process that ended, and the next start removes it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use store::ModelFile;

/// A folder of model files.
#[derive(Clone, Debug)]
pub struct ModelFolder {
    root: PathBuf,
    largest: u64,
    begun: Arc<AtomicU64>,
}

/// A file on its way in.
pub struct Incoming {
    folder: ModelFolder,
    path: PathBuf,
    file: File,
    hasher: Sha256,
    bytes: u64,
}

impl ModelFolder {
    /// The folder at a path, which is made when the first file comes. No file may be larger than
    /// `largest` bytes.
    #[must_use]
    pub fn new(root: &Path, largest: u64) -> ModelFolder {
        ModelFolder { root: root.to_owned(), largest, begun: Arc::default() }
    }

    /// The most bytes of a file.
    #[must_use]
    pub fn largest(&self) -> u64 {
        self.largest
    }

    /// Begins a file.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn begin(&self) -> io::Result<Incoming> {
        let incoming = self.root.join("incoming");
        fs::create_dir_all(&incoming)?;
        loop {
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            let path = incoming.join(format!("{}-{number}", std::process::id()));
            let opened = File::options().write(true).read(true).create_new(true).open(&path);
            let file = match opened {
                // In containers processes count alike, and one that was killed left this name.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                opened => opened?,
            };
            file.lock()?;
            return Ok(Incoming {
                folder: self.clone(),
                path,
                file,
                hasher: Sha256::new(),
                bytes: 0,
            });
        }
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// It is not there, or is not what was put there.
    pub fn read(&self, file: &ModelFile) -> io::Result<Vec<u8>> {
        let bytes = fs::read(self.place(&file.digest))?;
        if hex(&Sha256::digest(&bytes)) != file.digest {
            let why = format!("the file of digest {} was changed", file.digest);
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(bytes)
    }

    /// Where the file of a digest lies.
    #[must_use]
    pub fn place(&self, digest: &str) -> PathBuf {
        self.root.join(relative(digest))
    }

    /// Waits until nobody else puts files in their places or removes some, and keeps others from it
    /// until the value that comes back is dropped: what is looked up in the database under it is true of
    /// the folder.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn hold(&self) -> io::Result<Held> {
        fs::create_dir_all(&self.root)?;
        let path = self.root.join("lock");
        let file = File::options().write(true).create(true).truncate(false).open(path)?;
        file.lock()?;
        Ok(Held(file))
    }

    /// Whether anything was ever put there.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.root.is_dir()
    }

    /// Removes a file that no model has any more. One that is being put there again stays. The folder is
    /// to be held.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, digest: &str) -> io::Result<()> {
        remove_unless_held(&self.place(digest)).map(|_| ())
    }

    /// Removes what was left behind: files on their way in that nobody writes, and files whose digest
    /// `is_known` does not know. The folder is to be held. How many.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn sweep(&self, is_known: impl Fn(&str) -> bool) -> io::Result<u64> {
        let mut removed = 0;
        let mut look = vec![self.root.join("incoming"), self.root.join("sha256")];
        while let Some(folder) = look.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for entry in entries {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    look.push(entry.path());
                    continue;
                }
                let is_incoming = folder.ends_with("incoming");
                let name = entry.file_name();
                if (is_incoming || !name.to_str().is_some_and(&is_known))
                    && remove_unless_held(&entry.path())?
                {
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

impl Incoming {
    /// Adds bytes.
    ///
    /// # Errors
    /// The disk is full, or the file is larger than allowed.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.folder.largest {
            let why = format!("more than {} bytes", self.folder.largest);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        self.hasher.update(bytes);
        self.file.write_all(bytes)
    }

    /// Everything that was written.
    ///
    /// # Errors
    /// It cannot be read back.
    pub fn content(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.bytes).unwrap_or(0));
        File::open(&self.path)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Puts the file in its place, on the disk. It stays locked until the value that comes back is
    /// dropped: by then a model has it, or it is left to the next sweep.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn finish(self, name: &str) -> io::Result<(ModelFile, Held)> {
        let digest = hex(&self.hasher.clone().finalize());
        self.file.sync_all()?;
        let place = self.folder.place(&digest);
        let _alone = self.folder.hold()?;
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
            fs::rename(&self.path, &place)?;
            File::open(parent)?.sync_all()?;
        }
        let file = ModelFile {
            name: name.chars().filter(|letter| !letter.is_control()).take(255).collect(),
            path: relative(&digest),
            digest,
            bytes: self.bytes,
        };
        let held = Held(self.file.try_clone()?);
        Ok((file, held))
    }
}

impl Drop for Incoming {
    /// A file that was not finished goes; a finished one has another name by now.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Keeps a file from being swept.
pub struct Held(#[expect(dead_code, reason = "the lock goes with it")] File);

fn relative(digest: &str) -> String {
    format!("sha256/{}/{digest}", digest.get(..2).unwrap_or("00"))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn remove_unless_held(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if file.try_lock().is_err() {
        return Ok(false);
    }
    fs::remove_file(path)?;
    Ok(true)
}
