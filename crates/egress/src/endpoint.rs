//! Where requests may go: a scheme, a host, a port, and which addresses its name may resolve to. No socket lives here.

use core::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest host name, in bytes (RFC 1035 section 2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// How bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Plain TCP.
    Http,
    /// TLS.
    Https,
}

/// Which addresses an endpoint's name may resolve to. The guard against a name that points inwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Network {
    /// Globally reachable addresses only.
    Public,
    /// This machine only.
    Loopback,
    /// Anything but link-local (cloud metadata) and multicast: an operator's explicit choice.
    Private,
}

/// One allow-listed destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    scheme: Scheme,
    /// Lower case; an IPv6 address without brackets.
    host: String,
    port: u16,
    network: Network,
}

/// Why a text is not a base URL that requests may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Neither `http://` nor `https://` in lower case.
    #[error("the base URL does not start with https:// or http://")]
    Scheme,
    /// User information, a path, a query, a fragment or anything else after host and port.
    #[error("the base URL has more than scheme, host and port")]
    MoreThanAnAuthority,
    /// No host, a host that is too long, or one with other characters than letters, digits, dots and hyphens.
    #[error("the base URL has no valid host")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the base URL has no valid port")]
    Port,
    /// Plain HTTP to another machine.
    #[error("plain http is for loopback only; use https")]
    PlainHttp,
    /// A literal address that is not publicly reachable.
    #[error("the base URL names an address that is not publicly reachable")]
    NotPublic,
}

impl Endpoint {
    /// Reads a base URL such as `https://api.example.com` or `http://127.0.0.1:12111`. `localhost` and loopback
    /// addresses become [`Network::Loopback`], where plain HTTP is allowed; everything else is [`Network::Public`].
    ///
    /// # Errors
    /// The first [`EndpointError`] in the order of its variants that applies.
    pub fn parse(base_url: &str) -> Result<Self, EndpointError> {
        let (scheme, host, port) = parse_parts(base_url)?;
        let literal = host.parse::<IpAddr>().ok();
        let network = match literal {
            Some(address) if is_loopback(address) => Network::Loopback,
            None if host == "localhost" => Network::Loopback,
            Some(_) | None => Network::Public,
        };
        if network == Network::Public && scheme == Scheme::Http {
            return Err(EndpointError::PlainHttp);
        }
        if network == Network::Public && literal.is_some_and(|address| !is_public(address)) {
            return Err(EndpointError::NotPublic);
        }
        Ok(Self { scheme, host, port, network })
    }

    /// Like [`Self::parse`] for a destination inside the operator's own network: plain HTTP and private addresses are
    /// allowed, link-local and multicast addresses are not. Only configuration may ask for this.
    ///
    /// # Errors
    /// The first [`EndpointError`] in the order of its variants that applies.
    pub fn parse_private(base_url: &str) -> Result<Self, EndpointError> {
        let (scheme, host, port) = parse_parts(base_url)?;
        Ok(Self { scheme, host, port, network: Network::Private })
    }

    /// How bytes travel.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host name or address in lower case, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Which addresses the host may resolve to.
    pub const fn network(&self) -> Network {
        self.network
    }

    /// Whether requests may go to this address.
    pub fn permits(&self, address: IpAddr) -> bool {
        match self.network {
            Network::Public => is_public(address),
            Network::Loopback => is_loopback(address),
            Network::Private => !is_never_allowed(address),
        }
    }

    /// Host and, unless it is the scheme's own, port: the value of the `Host` header.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.scheme, self.port) {
            (Scheme::Http, 80) | (Scheme::Https, 443) => host,
            (Scheme::Http | Scheme::Https, port) => format!("{host}:{port}"),
        }
    }
}

/// The base URL.
impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(formatter, "{scheme}://{}", self.authority())
    }
}

fn parse_parts(base_url: &str) -> Result<(Scheme, String, u16), EndpointError> {
    let (scheme, rest, port_default) = if let Some(rest) = base_url.strip_prefix("https://") {
        (Scheme::Https, rest, 443)
    } else if let Some(rest) = base_url.strip_prefix("http://") {
        (Scheme::Http, rest, 80)
    } else {
        return Err(EndpointError::Scheme);
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#', '@', '\\']) {
        return Err(EndpointError::MoreThanAnAuthority);
    }
    let (host, port) = split_port(authority)?;
    let port = match port {
        None => port_default,
        Some(digits) if !digits.is_empty() && digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse::<u16>().map_err(|_| EndpointError::Port)?
        }
        Some(_) => return Err(EndpointError::Port),
    };
    if port == 0 {
        return Err(EndpointError::Port);
    }
    Ok((scheme, host, port))
}

fn split_port(authority: &str) -> Result<(String, Option<&str>), EndpointError> {
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (address, rest) = bracketed.split_once(']').ok_or(EndpointError::Host)?;
        let address: Ipv6Addr = address.parse().map_err(|_| EndpointError::Host)?;
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(port),
            None if rest.is_empty() => None,
            None => return Err(EndpointError::Port),
        };
        return Ok((address.to_string(), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = host.as_bytes();
    if bytes.len() > HOST_BYTES_MAX || !host.bytes().all(allowed) || !edge(bytes.first()) || !edge(bytes.last()) {
        return Err(EndpointError::Host);
    }
    Ok((host.to_ascii_lowercase(), port))
}

fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn is_loopback(address: IpAddr) -> bool {
    plain(address).is_loopback()
}

/// Link-local (cloud metadata services live there), multicast, unspecified, broadcast.
fn is_never_allowed(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_multicast() || v4.is_unspecified() || v4.is_broadcast(),
        IpAddr::V6(v6) => {
            let metadata_of_aws = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254);
            v6.is_unicast_link_local() || v6.is_multicast() || v6.is_unspecified() || v6 == metadata_of_aws
        }
    }
}

/// Globally reachable according to the IANA special-purpose address registries (RFC 6890 and its updates).
fn is_public(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let shared_carrier = first == 100 && (64..128).contains(&second);
    let protocol_assignments = first == 192 && second == 0 && third == 0;
    let relay_6to4 = first == 192 && second == 88 && third == 99;
    let benchmarking = first == 198 && (18..20).contains(&second);
    let special = first == 0
        || first >= 224
        || shared_carrier
        || protocol_assignments
        || relay_6to4
        || benchmarking
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation();
    !special
}

/// Global unicast is 2000::/3; inside it, transition and documentation prefixes may hide or mean no real host.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let global_unicast = segments[0] & 0xe000 == 0x2000;
    let protocol_assignments = segments[0] == 0x2001 && segments[1] < 0x0200;
    let documentation = (segments[0] == 0x2001 && segments[1] == 0x0db8) || (segments[0] == 0x3fff && segments[1] < 0x1000);
    let tunnel_6to4 = segments[0] == 0x2002;
    global_unicast && !protocol_assignments && !documentation && !tunnel_6to4
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, EndpointError, Network};

    #[test]
    fn base_urls_are_read_strictly() {
        for (text, expected) in [
            ("https://api.stripe.com", Ok(("https://api.stripe.com", Network::Public))),
            ("https://API.Example.com/", Ok(("https://api.example.com", Network::Public))),
            ("https://api.example.com:443", Ok(("https://api.example.com", Network::Public))),
            ("https://api.example.com:8443", Ok(("https://api.example.com:8443", Network::Public))),
            ("http://127.0.0.1:12111", Ok(("http://127.0.0.1:12111", Network::Loopback))),
            ("http://localhost", Ok(("http://localhost", Network::Loopback))),
            ("http://[::1]:80/", Ok(("http://[::1]", Network::Loopback))),
            ("https://[2606:4700::1111]", Ok(("https://[2606:4700::1111]", Network::Public))),
            ("ftp://example.com", Err(EndpointError::Scheme)),
            ("HTTPS://example.com", Err(EndpointError::Scheme)),
            ("example.com", Err(EndpointError::Scheme)),
            ("https://user:password@example.com", Err(EndpointError::MoreThanAnAuthority)),
            ("https://example.com/v1", Err(EndpointError::MoreThanAnAuthority)),
            ("https://example.com?x", Err(EndpointError::MoreThanAnAuthority)),
            ("https://example.com#x", Err(EndpointError::MoreThanAnAuthority)),
            ("https://", Err(EndpointError::Host)),
            ("https://-a.example", Err(EndpointError::Host)),
            ("https://exa mple.com", Err(EndpointError::Host)),
            ("https://bücher.example", Err(EndpointError::Host)),
            ("https://example.com.", Err(EndpointError::Host)),
            ("https://[::1", Err(EndpointError::Host)),
            ("https://[fe80::1%eth0]", Err(EndpointError::Host)),
            ("https://example.com:", Err(EndpointError::Port)),
            ("https://example.com:0", Err(EndpointError::Port)),
            ("https://example.com:65536", Err(EndpointError::Port)),
            ("https://example.com:+443", Err(EndpointError::Port)),
            ("https://[::1]443", Err(EndpointError::Port)),
            ("http://example.com", Err(EndpointError::PlainHttp)),
            ("http://10.0.0.1", Err(EndpointError::PlainHttp)),
            ("https://10.0.0.1", Err(EndpointError::NotPublic)),
            ("https://169.254.169.254", Err(EndpointError::NotPublic)),
            ("https://[fd00::1]", Err(EndpointError::NotPublic)),
            ("https://[::ffff:10.0.0.1]", Err(EndpointError::NotPublic)),
        ] {
            let parsed = Endpoint::parse(text);
            let shown = parsed.as_ref().map(|endpoint| (endpoint.to_string(), endpoint.network())).map_err(|error| *error);
            assert_eq!(shown, expected.map(|(url, network)| (url.to_owned(), network)), "{text}");
        }
        let long = format!("https://{}", "a".repeat(254));
        assert_eq!(Endpoint::parse(&long), Err(EndpointError::Host));
    }

    #[test]
    fn each_network_permits_only_its_own_addresses() {
        let public = Endpoint::parse("https://example.com").unwrap();
        let loopback = Endpoint::parse("http://localhost").unwrap();
        let private = Endpoint::parse_private("http://sandbox:8080").unwrap();
        for (address, by_public, by_loopback, by_private) in [
            ("93.184.216.34", true, false, true),
            ("2606:4700::1111", true, false, true),
            ("127.0.0.1", false, true, true),
            ("127.8.8.8", false, true, true),
            ("::1", false, true, true),
            ("::ffff:127.0.0.1", false, true, true),
            ("::ffff:10.0.0.1", false, false, true),
            ("10.0.0.1", false, false, true),
            ("172.16.0.1", false, false, true),
            ("172.32.0.1", true, false, true),
            ("192.168.1.1", false, false, true),
            ("100.64.0.1", false, false, true),
            ("198.18.0.1", false, false, true),
            ("192.0.2.1", false, false, true),
            ("fd12::1", false, false, true),
            ("2001:db8::1", false, false, true),
            ("2002:7f00:1::", false, false, true),
            ("64:ff9b::7f00:1", false, false, true),
            ("169.254.169.254", false, false, false),
            ("fd00:ec2::254", false, false, false),
            ("fe80::1", false, false, false),
            ("0.0.0.0", false, false, false),
            ("::", false, false, false),
            ("255.255.255.255", false, false, false),
            ("224.0.0.1", false, false, false),
            ("ff02::1", false, false, false),
        ] {
            let parsed = address.parse().unwrap();
            assert_eq!(public.permits(parsed), by_public, "public {address}");
            assert_eq!(loopback.permits(parsed), by_loopback, "loopback {address}");
            assert_eq!(private.permits(parsed), by_private, "private {address}");
        }
    }
}
