//! Finding the addresses of names, leaving out those nobody outside could reach.

use std::{error::Error, fmt, net::SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;

/// The system's resolver, with private addresses left out.
pub(super) struct PublicResolver;

/// A name that has private addresses only.
#[derive(Debug)]
struct OnlyPrivate;

impl fmt::Display for OnlyPrivate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name stands for an address in a private network")
    }
}

impl Error for OnlyPrivate {}

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is filled in from the URL.
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public = only_public(&found).ok_or(OnlyPrivate)?;
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

fn only_public(found: &[SocketAddr]) -> Option<Vec<SocketAddr>> {
    let public: Vec<_> = found
        .iter()
        .copied()
        .filter(|address| is_public(address.ip()))
        .collect();
    (!public.is_empty()).then_some(public)
}

/// Whether a request failed because its name stands for private addresses.
pub(super) fn refused(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<OnlyPrivate>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_of_a_name_are_left_out() {
        let private: SocketAddr = "10.0.0.1:0".parse().unwrap();
        let public: SocketAddr = "1.1.1.1:0".parse().unwrap();
        assert_eq!(only_public(&[private, public]), Some(vec![public]));
        assert_eq!(only_public(&[private]), None);
        assert_eq!(only_public(&[]), None);
    }
}
