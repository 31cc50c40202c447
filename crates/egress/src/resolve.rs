//! Names to permitted addresses. The check is made on the addresses that are connected to, so that a name cannot point
//! somewhere else between check and use.

use crate::endpoint::Endpoint;
use std::net::SocketAddr;

/// Most addresses of one name that are tried.
pub(crate) const ADDRESSES_MAX: usize = 4;

/// The permitted addresses of an endpoint, in the resolver's order, at most [`ADDRESSES_MAX`]; else why there is none.
pub(crate) async fn permitted_addresses(endpoint: &Endpoint) -> Result<Vec<SocketAddr>, String> {
    let found = tokio::net::lookup_host((endpoint.host(), endpoint.port()))
        .await
        .map_err(|error| format!("{} did not resolve: {error}", endpoint.host()))?;
    let mut refused_count = 0_usize;
    let mut permitted = Vec::new();
    for address in found {
        if !endpoint.permits(address.ip()) {
            refused_count += 1;
        } else if permitted.len() < ADDRESSES_MAX && !permitted.contains(&address) {
            permitted.push(address);
        }
    }
    if permitted.is_empty() {
        return Err(format!("{} has no permitted address ({refused_count} refused)", endpoint.host()));
    }
    Ok(permitted)
}
