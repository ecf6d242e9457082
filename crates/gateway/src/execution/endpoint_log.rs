//! What the execution log says of a request to an HTTP endpoint and of its answer (recording
//! test_failed_invoke_test_method; published logs).

use std::borrow::Cow;

use bytes::Bytes;

use super::endpoint::{EndpointAnswer, EndpointRequest};
use super::journal::{Journal, braces};

pub(super) fn request(request: &EndpointRequest, journal: &mut Journal) {
    journal.trace(|| format!("Endpoint request URI: {}", request.url));
    journal.trace(|| {
        let shown: Vec<(&str, Cow<'_, str>)> = request
            .headers
            .iter()
            .map(|(n, v)| {
                let secret = n.eq_ignore_ascii_case("authorization");
                (n.as_str(), if secret { "*".repeat(v.len()).into() } else { String::from_utf8_lossy(v) })
            })
            .collect();
        format!("Endpoint request headers: {}", braces(shown.iter().map(|(n, v)| (*n, &**v))))
    });
    journal.trace(|| {
        format!("Endpoint request body after transformations: {}", String::from_utf8_lossy(&request.body))
    });
    journal.trace(|| format!("Sending request to {}", request.url));
}

pub(super) fn answer(answer: &EndpointAnswer, latency: u64, journal: &mut Journal) {
    head(answer.status, &answer.headers, latency, journal);
    journal.trace(|| {
        format!("Endpoint response body before transformations: {}", String::from_utf8_lossy(&answer.body))
    });
}

pub(super) fn head(status: u16, headers: &[(Bytes, Bytes)], latency: u64, journal: &mut Journal) {
    journal.trace(|| format!("Received response. Status: {status}, Integration latency: {latency} ms"));
    journal.trace(|| {
        let headers = headers
            .iter()
            .filter_map(|(n, v)| Some((std::str::from_utf8(n).ok()?, std::str::from_utf8(v).ok()?)));
        format!("Endpoint response headers: {}", braces(headers))
    });
}
