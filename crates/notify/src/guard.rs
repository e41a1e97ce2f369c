//! Which addresses may be contacted: those of the internet over https, and those of networks that the
//! operator has named.
//!
//! A name is resolved once, every address that it has is looked at, and the connection goes to these
//! and no others, so that a name cannot point elsewhere after it was let pass. Where machines of
//! clouds keep their credentials is refused even in a network that was named.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use url::{Host, Url};

use crate::networks::{is_metadata, is_public};

/// The ports of the internet that may be contacted.
const PORTS: [u16; 2] = [443, 8443];

/// The longest address, in bytes.
const LONGEST: usize = 2000;

/// What may be contacted beside the internet.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    private: Vec<IpNet>,
}

/// Why an address is not contacted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It never will be.
    #[error("{0}")]
    Never(String),
    /// It has no address now.
    #[error("{0}")]
    Unresolved(String),
}

/// An address that was let pass, with where it lies.
#[derive(Clone, Debug)]
pub(crate) struct Vetted {
    pub(crate) url: Url,
    pub(crate) host: String,
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Rules {
    /// Networks beside the internet, such as `10.20.0.0/16`; there `http` and any port are allowed.
    ///
    /// # Errors
    /// The first text that is no network.
    pub fn allowing<'a>(networks: impl IntoIterator<Item = &'a str>) -> Result<Rules, String> {
        let read = |text: &str| {
            let text = text.trim();
            let one = || text.parse::<IpAddr>().map(IpNet::from).ok();
            text.parse::<IpNet>()
                .ok()
                .or_else(one)
                .ok_or_else(|| format!("`{text}` is no network: expected one such as 10.20.0.0/16"))
        };
        let private = networks.into_iter().filter(|text| !text.trim().is_empty()).map(read);
        Ok(Rules { private: private.collect::<Result<_, _>>()? })
    }

    /// Looks at an address without asking anybody; whether its host may be contacted is seen when it
    /// is.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn look(&self, text: &str) -> Result<Url, Refused> {
        let never = |why: &str| Refused::Never(why.to_owned());
        if text.len() > LONGEST {
            return Err(never("the address is longer than 2,000 bytes"));
        }
        let url = Url::parse(text.trim())
            .map_err(|error| Refused::Never(format!("this is no address: {error}")))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(never("expected an address that begins with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(never("an address with a user or a password in it is not taken"));
        }
        if url.fragment().is_some() {
            return Err(never("an address with a fragment (#…) in it is not taken"));
        }
        match url.host() {
            None => return Err(never("the address has no host")),
            Some(Host::Ipv4(four)) => self.judge(&url, IpAddr::V4(four))?,
            Some(Host::Ipv6(six)) => self.judge(&url, IpAddr::V6(six))?,
            // Over http and to other ports there are only networks that were named.
            Some(Host::Domain(_)) if self.private.is_empty() => of_internet(&url)?,
            Some(Host::Domain(_)) => {}
        }
        Ok(url)
    }

    /// Looks at an address and at where it lies.
    pub(crate) async fn vet(&self, text: &str) -> Result<Vetted, Refused> {
        let url = self.look(text)?;
        let port = url.port_or_known_default().unwrap_or(443);
        let (host, addresses) = match url.host() {
            Some(Host::Ipv4(four)) => (four.to_string(), vec![SocketAddr::from((four, port))]),
            Some(Host::Ipv6(six)) => (six.to_string(), vec![SocketAddr::from((six, port))]),
            Some(Host::Domain(name)) => {
                let found = tokio::net::lookup_host((name, port))
                    .await
                    .map_err(|_| Refused::Unresolved(format!("`{name}` has no address now")))?;
                (name.to_owned(), found.collect())
            }
            None => return Err(Refused::Never("the address has no host".to_owned())),
        };
        if addresses.is_empty() {
            return Err(Refused::Unresolved(format!("`{host}` has no address now")));
        }
        for address in &addresses {
            self.judge(&url, address.ip())?;
        }
        Ok(Vetted { url, host, addresses })
    }

    fn judge(&self, url: &Url, address: IpAddr) -> Result<(), Refused> {
        if is_metadata(address) {
            return Err(Refused::Never(
                "the address is one at which machines find their own credentials".to_owned(),
            ));
        }
        if self.private.iter().any(|network| network.contains(&address.to_canonical())) {
            return Ok(());
        }
        if !is_public(address) {
            return Err(Refused::Never(
                "the address lies in a private network, and the operator has not named it in \
                 NOTIFICATION_PRIVATE_NETWORKS"
                    .to_owned(),
            ));
        }
        of_internet(url)
    }
}

fn of_internet(url: &Url) -> Result<(), Refused> {
    if url.scheme() != "https" {
        return Err(Refused::Never("expected an address that begins with https://".to_owned()));
    }
    let port = url.port_or_known_default().unwrap_or(443);
    if !PORTS.contains(&port) {
        return Err(Refused::Never(format!("port {port} is not taken: expected 443 or 8443")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ways to write an address inside that have fooled others.
    const INSIDE: &[&str] = &[
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0x0.0x0.0x1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://127.0.0.1:8443/",
        "https://127.255.255.254/",
        "https://0/",
        "https://0.0.0.0/",
        "https://[::]/",
        "https://[::1]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://2852039166/",
        "https://0xa9fea9fe/",
        "https://0xa9.0xfe.0xa9.0xfe/",
        "https://[fd00:ec2::254]/",
        "https://[fe80::1]/",
        "https://10.0.0.1/",
        "https://10.1/",
        "https://0xa000001/",
        "https://172.16.0.1/",
        "https://172.31.255.254/",
        "https://192.168.0.1/",
        "https://192.168.257/",
        "https://100.64.0.1/",
        "https://198.18.0.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[fc00::1]/",
        "https://[fdff::1]/",
        "https://[ff02::1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b::10.0.0.1]/",
        "https://[2002:7f00:1::]/",
        "https://[2002:a9fe:a9fe::]/",
        "https://[2001:db8::1]/",
        "https://1２7.0.0.1/",
        "https://①②⑦.⓪.⓪.①/",
        "https://127。0。0。1/",
    ];

    const MALFORMED: &[&str] = &[
        "",
        "example.com",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "http://example.com/",
        "https://example.com:22/",
        "https://example.com:6379/",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https://@127.0.0.1/",
        "https://example.com/#top",
        "javascript:alert(1)",
        "https://",
        "https://[::1",
        "unix:///run/docker.sock",
        "https://exa mple.com/",
    ];

    #[test]
    fn nothing_inside_and_nothing_malformed_passes() {
        let rules = Rules::default();
        for text in INSIDE.iter().chain(MALFORMED) {
            assert!(matches!(rules.look(text), Err(Refused::Never(_))), "{text} was let pass");
        }
        assert!(INSIDE.len() >= 40);
        for text in ["https://example.com/hook", "https://example.com:8443/", "https://1.1.1.1/"] {
            assert!(rules.look(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn named_networks_pass_and_metadata_never_does() {
        let all = Rules::allowing(["0.0.0.0/0", "::/0"]).unwrap();
        for text in ["http://10.0.0.1:8080/", "http://127.0.0.1:9000/", "https://[fc00::1]:99/"] {
            assert!(all.look(text).is_ok(), "{text}");
        }
        for text in [
            "http://169.254.169.254/",
            "http://[fd00:ec2::254]/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[64:ff9b::a9fe:a9fe]/",
        ] {
            assert!(all.look(text).is_err(), "{text}");
        }
        let one = Rules::allowing(["10.20.0.0/16", " 192.168.7.7 "]).unwrap();
        assert!(one.look("http://10.20.3.4/").is_ok());
        assert!(one.look("http://192.168.7.7:81/").is_ok());
        assert!(one.look("http://10.21.3.4/").is_err());
        assert!(one.look("http://1.1.1.1/").is_err(), "http to the internet");
        assert!(Rules::allowing(["ten"]).is_err());
    }

    #[tokio::test]
    async fn a_name_is_judged_by_every_address_that_it_has() {
        let refused = Rules::default().vet("https://localhost/").await.unwrap_err();
        assert!(matches!(refused, Refused::Never(_)), "{refused}");
        let named = Rules::allowing(["127.0.0.0/8", "::1"]).unwrap();
        let vetted = named.vet("http://localhost:8080/").await.unwrap();
        assert!(vetted.addresses.iter().all(|address| address.ip().is_loopback()));
        // What the guard would say of a public name is only seen where names can be resolved.
        let unknown = named.vet("https://no-such-host.invalid/").await.unwrap_err();
        assert!(matches!(unknown, Refused::Unresolved(_)), "{unknown}");
    }
}
