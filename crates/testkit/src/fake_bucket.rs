//! A bucket that speaks as much of S3's language as model files need.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::fake_aws::http::Request;
use crate::fake_aws::signature;

/// A running bucket. It ends when it is dropped.
#[derive(Debug)]
pub struct FakeBucket {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    objects: Mutex<BTreeMap<String, (Vec<u8>, String)>>,
    refuses: AtomicBool,
    over: AtomicBool,
}

/// Objects of one page of a list: few, so that lists have several pages.
const PAGE: usize = 2;

impl FakeBucket {
    /// Serves an empty store on a free port of loopback; any bucket is there.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start() -> io::Result<FakeBucket> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if served.over.load(Ordering::Relaxed) {
                    break;
                }
                let served = Arc::clone(&served);
                std::thread::spawn(move || {
                    let _ = serve(&served, stream);
                });
            }
        });
        Ok(FakeBucket { address, shared })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether to refuse what is put there.
    pub fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::Relaxed);
    }

    /// Names of all objects, the bucket's own name in front.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.shared.objects().keys().cloned().collect()
    }

    /// Puts an object there as if it had been there since an instant.
    pub fn put_since(&self, name: &str, content: &[u8], since: &str) {
        self.shared.objects().insert(name.to_owned(), (content.to_vec(), since.to_owned()));
    }
}

impl Drop for FakeBucket {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, (Vec<u8>, String)>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(shared: &Shared, stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    while let Some(request) = Request::read(&mut reader)? {
        let (status, content) = answer(shared, request);
        write!(writer, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", content.len())?;
        writer.write_all(&content)?;
    }
    Ok(())
}

fn answer(shared: &Shared, request: Request) -> (&'static str, Vec<u8>) {
    let error = |status, code: &str| {
        (status, format!("<Error><Code>{code}</Code><Message>no</Message></Error>").into_bytes())
    };
    match signature::check(&request) {
        Ok(signed) if signed.service == "s3" => {}
        Ok(_) => return error("403 Forbidden", "SignatureDoesNotMatch"),
        Err((code, _)) => return error("403 Forbidden", code),
    }
    let digest: String =
        Sha256::digest(&request.body).iter().map(|byte| format!("{byte:02x}")).collect();
    if request.header("x-amz-content-sha256") != digest {
        return error("400 Bad Request", "XAmzContentSHA256Mismatch");
    }
    let Request { method, path, query, body, .. } = request;
    let name = path.trim_start_matches('/').to_owned();
    match method.as_str() {
        "PUT" if shared.refuses.load(Ordering::Relaxed) => error("403 Forbidden", "AccessDenied"),
        "PUT" => {
            // Younger than any sweep looks at.
            let since = "2100-01-01T00:00:00.000Z".to_owned();
            shared.objects().insert(name, (body, since));
            ("200 OK", Vec::new())
        }
        "GET" if query.contains("list-type=2") => ("200 OK", list(shared, &name, &query)),
        "GET" => match shared.objects().get(&name) {
            Some((content, _)) => ("200 OK", content.clone()),
            None => error("404 Not Found", "NoSuchKey"),
        },
        "DELETE" => {
            shared.objects().remove(&name);
            ("204 No Content", Vec::new())
        }
        _ => error("405 Method Not Allowed", "MethodNotAllowed"),
    }
}

fn list(shared: &Shared, bucket: &str, query: &str) -> Vec<u8> {
    let part = |name: &str| {
        let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        found.unwrap_or("").replace("%2F", "/")
    };
    let (prefix, after) = (part("prefix"), part("continuation-token"));
    let objects = shared.objects();
    let own = objects.iter().filter_map(|(name, (_, since))| {
        let key = name.strip_prefix(bucket)?.strip_prefix('/')?;
        (key.starts_with(&prefix) && key > after.as_str()).then_some((key, since))
    });
    let own: Vec<(&str, &String)> = own.collect();
    let mut xml = String::from("<ListBucketResult>");
    for (key, since) in own.iter().take(PAGE) {
        xml.push_str(&format!(
            "<Contents><Key>{key}</Key><LastModified>{since}</LastModified></Contents>"
        ));
    }
    if own.len() > PAGE {
        let last = own[PAGE - 1].0;
        xml.push_str(&format!("<NextContinuationToken>{last}</NextContinuationToken>"));
    }
    xml.push_str("</ListBucketResult>");
    xml.into_bytes()
}
