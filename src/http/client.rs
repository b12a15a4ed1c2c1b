//! From which address a request comes, where proxies are in front.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use actix_web::http::header::{self, HeaderMap, HeaderName};
use clap::ValueEnum;
use ipnet::IpNet;

/// The network of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyNetwork(IpNet);

/// The text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a network such as 10.0.0.0/8, or an address")]
pub struct InvalidNetwork;

impl FromStr for ProxyNetwork {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let text = text.trim();
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| InvalidNetwork)
    }
}

/// The header in which a proxy says for whom it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
}

/// The proxies that are believed.
#[derive(Clone, Debug)]
pub struct Proxies {
    /// Where they are.
    pub networks: Vec<ProxyNetwork>,
    /// Where they say it.
    pub header: ProxyHeader,
}

impl Proxies {
    fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|ProxyNetwork(network)| network.contains(&address))
    }

    /// Who asks, if `peer` is who is connected. Each proxy adds to the right end whom it heard from, so what stands there is believed as long
    /// as a trusted one has written it.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        for hop in self.hops(headers).into_iter().rev() {
            let Some(address) = hop else { break };
            client = address;
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    /// The addresses in the header, from left to right; none for what is no address.
    fn hops(&self, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
        let (name, parse): (HeaderName, fn(&str) -> Option<IpAddr>) = match self.header {
            ProxyHeader::XForwardedFor => (HeaderName::from_static("x-forwarded-for"), node),
            ProxyHeader::Forwarded => (header::FORWARDED, forwarded),
        };
        // Each hop by itself: what a client made of the first is no reason to disbelieve the proxy's own.
        let hops = headers.get_all(name).flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        hops.map(|hop| std::str::from_utf8(hop).ok().and_then(parse)).collect()
    }
}

/// What stands behind `for=`. Commas were split at even in quotes: what a client has left open must not hide what a proxy wrote behind it.
fn forwarded(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    node(value.trim_matches('"'))
}

/// An address, with a port or without.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None if text.matches(':').count() == 1 => text.split_once(':')?.0,
        None => text,
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// By what an address is counted: the half of an IPv6 address that its network is given, for its owner has all of the other half.
pub(super) fn counted(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn client(header: ProxyHeader, peer: &str, lines: &[&str]) -> String {
        let networks = ["10.0.0.0/8", "2001:db8:1::/48", "192.0.2.1"];
        let networks = networks.iter().map(|text| text.parse().expect("a network")).collect();
        let name = match header {
            ProxyHeader::XForwardedFor => "x-forwarded-for",
            ProxyHeader::Forwarded => "forwarded",
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_bytes(line.as_bytes()).expect("a value"),
            );
        }
        Proxies { networks, header }.client(peer.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn a_proxy_is_believed_and_nobody_else() {
        let of = |peer, lines: &[&str]| client(ProxyHeader::XForwardedFor, peer, lines);
        assert_eq!(of("203.0.113.9", &["198.51.100.1"]), "203.0.113.9", "no proxy of ours");
        assert_eq!(of("10.1.2.3", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(of("::ffff:10.1.2.3", &["198.51.100.1"]), "198.51.100.1", "IPv4 in IPv6");
        assert_eq!(
            of("10.1.2.3", &["1.1.1.1, 198.51.100.1"]),
            "198.51.100.1",
            "the client wrote the left one"
        );
        assert_eq!(of("10.1.2.3", &["1.1.1.1", "198.51.100.1, 192.0.2.1"]), "198.51.100.1", "two proxies");
        assert_eq!(of("10.1.2.3", &["198.51.100.1:80, 10.0.0.7:1234"]), "198.51.100.1");
        assert_eq!(of("10.1.2.3", &["\u{ff}, 198.51.100.1"]), "198.51.100.1", "what no header should have");
        assert_eq!(of("2001:db8:1::5", &["[2001:db8:2::7]:443"]), "2001:db8:2::7");
        assert_eq!(of("10.1.2.3", &["2001:db8:2::7"]), "2001:db8:2::7");
        assert_eq!(
            of("10.1.2.3", &["1.1.1.1, unknown"]),
            "10.1.2.3",
            "what is left of no address is not believed"
        );
        assert_eq!(of("10.1.2.3", &[]), "10.1.2.3");
        assert_eq!(of("10.1.2.3", &["10.4.4.4"]), "10.4.4.4", "a client within");
    }

    #[test]
    fn forwarded_says_it_in_its_own_grammar() {
        let of = |peer, lines: &[&str]| client(ProxyHeader::Forwarded, peer, lines);
        assert_eq!(of("10.1.2.3", &["for=1.1.1.1, For=\"198.51.100.1:80\";proto=https"]), "198.51.100.1");
        assert_eq!(of("10.1.2.3", &["by=10.0.0.1; for=\"[2001:db8:2::7]:443\""]), "2001:db8:2::7");
        assert_eq!(of("10.1.2.3", &["for=\"open, for=198.51.100.1"]), "198.51.100.1");
        assert_eq!(of("10.1.2.3", &["for=_hidden"]), "10.1.2.3");
    }

    #[test]
    fn only_networks_are_networks() {
        for text in ["", "10.0.0.0/33", "proxy", "10.0.0.0-10.0.0.9", "*"] {
            assert_eq!(text.parse::<ProxyNetwork>(), Err(InvalidNetwork), "{text}");
        }
    }

    #[test]
    fn an_ipv6_address_counts_as_its_network() {
        let counted = |text: &str| counted(text.parse().expect("an address")).to_string();
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(counted("192.0.2.7"), "192.0.2.7");
    }
}
