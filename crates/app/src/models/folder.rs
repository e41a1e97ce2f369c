//! The files of models, by digest: what is there is whole, and what nobody recorded goes.
//!
//! A file is written under a passing name and locked as long as it is; a file that nobody holds and
//! no model has was left by a process that ended, and the next start removes it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws::Bucket;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use store::ModelFile;

/// How long a file may lie in the bucket before a model has it: longer than any upload takes.
const SETTLED: SignedDuration = SignedDuration::from_hours(24);

/// A folder of model files.
#[derive(Clone, Debug)]
pub struct ModelFolder {
    root: PathBuf,
    largest: u64,
    begun: Arc<AtomicU64>,
    /// Where files are kept for all servers; the folder then holds copies of what was asked for.
    bucket: Option<Bucket>,
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
        ModelFolder { root: root.to_owned(), largest, begun: Arc::default(), bucket: None }
    }

    /// The same with a bucket, in which files are kept for all servers.
    ///
    /// Methods that say so then wait for it, and are to be called where a thread may wait.
    #[must_use]
    pub fn with_bucket(self, bucket: Bucket) -> ModelFolder {
        ModelFolder { bucket: Some(bucket), ..self }
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

    /// The bytes of a file, from the bucket where the folder has no copy; waits for it.
    ///
    /// # Errors
    /// It is not there, or is not what was put there.
    pub fn read(&self, file: &ModelFile) -> io::Result<Vec<u8>> {
        let bytes = match (fs::read(self.place(&file.digest)), &self.bucket) {
            (Err(error), Some(bucket)) if error.kind() == io::ErrorKind::NotFound => {
                self.fetched(bucket, &file.digest)?
            }
            (read, _) => read?,
        };
        if hex(&Sha256::digest(&bytes)) != file.digest {
            let why = format!("the file of digest {} was changed", file.digest);
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(bytes)
    }

    /// Brings a file from the bucket, and keeps a copy of it when it is what it should be.
    fn fetched(&self, bucket: &Bucket, digest: &str) -> io::Result<Vec<u8>> {
        let content = waited(bucket.get(&relative(digest)))?.ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("the bucket has no file {digest}"))
        })?;
        if hex(&Sha256::digest(&content)) == digest {
            let mut copy = self.begin()?;
            copy.write(&content)?;
            copy.place()?;
        }
        Ok(content)
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

    /// Removes a file that no model has any more, here and in the bucket; waits for it. One that is
    /// being put there again stays. The folder is to be held.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, digest: &str) -> io::Result<()> {
        let removed = remove_unless_held(&self.place(digest))?;
        match &self.bucket {
            Some(bucket) if removed => waited(bucket.delete(&relative(digest))),
            _ => Ok(()),
        }
    }

    /// Removes what was left behind: files on their way in that nobody writes, files whose digest
    /// `is_known` does not know, and such files of the bucket that were put there more than a day
    /// before `now`; another server may be about to record younger ones. The folder is to be held.
    /// Waits for the bucket. How many.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn sweep(&self, is_known: impl Fn(&str) -> bool, now: Timestamp) -> io::Result<u64> {
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
        if let Some(bucket) = &self.bucket {
            for stored in waited(bucket.list())? {
                let digest = stored.name.rsplit('/').next().unwrap_or_default();
                let old = stored.modified_at.is_some_and(|at| now.duration_since(at) > SETTLED);
                if old && !is_known(digest) {
                    waited(bucket.delete(&stored.name))?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

/// The result of a question to the bucket, on a thread that may wait.
fn waited<T>(question: impl Future<Output = Result<T, aws::Error>>) -> io::Result<T> {
    let answer = tokio::runtime::Handle::current().block_on(question);
    answer.map_err(|error| io::Error::other(format!("the bucket of models: {error}")))
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

    /// Puts the file in its place, on the disk and in the bucket, which is waited for. It stays locked
    /// until the value that comes back is dropped: by then a model has it, or it is left to the next
    /// sweep.
    ///
    /// # Errors
    /// The disk or the bucket does not take it.
    pub fn finish(self, name: &str) -> io::Result<(ModelFile, Held)> {
        if let Some(bucket) = &self.folder.bucket {
            waited(bucket.put(&relative(&self.digest()), self.content()?))?;
        }
        let digest = self.place()?;
        let file = ModelFile {
            name: name.chars().filter(|letter| !letter.is_control()).take(255).collect(),
            path: relative(&digest),
            digest,
            bytes: self.bytes,
        };
        let held = Held(self.file.try_clone()?);
        Ok((file, held))
    }

    fn digest(&self) -> String {
        hex(&self.hasher.clone().finalize())
    }

    /// Moves the file to its place on the disk; its digest.
    fn place(&self) -> io::Result<String> {
        let digest = self.digest();
        self.file.sync_all()?;
        let place = self.folder.place(&digest);
        let _alone = self.folder.hold()?;
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
            fs::rename(&self.path, &place)?;
            File::open(parent)?.sync_all()?;
        }
        Ok(digest)
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
