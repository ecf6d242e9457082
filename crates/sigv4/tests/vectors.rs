//! Signatures made by others: AWS's published test suite and documentation, and botocore (see `data/record.py`).

use serde_json::Value;
use sigv4::{
    AuthErrorKind, Credentials, Payload, PayloadHash, Request, SignedRequest, Timestamp, parse, presign, sign,
};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn text<'v>(vector: &'v Value, member: &str) -> &'v str {
    vector[member].as_str().unwrap_or_default()
}

fn headers(vector: &Value) -> Vec<(&str, &str)> {
    let list = vector["headers"].as_array().unwrap();
    list.iter().map(|h| (h[0].as_str().unwrap(), h[1].as_str().unwrap())).collect()
}

fn as_bytes<'a>(headers: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a [u8])> {
    headers.iter().map(|(n, v)| (*n, v.as_bytes())).collect()
}

fn read(method: &str, path: &str, query: &str, headers: &[(&str, &str)]) -> SignedRequest {
    parse(method, path, query, &as_bytes(headers)).unwrap().expect("signed")
}

fn published() -> Value {
    serde_json::from_str(include_str!("data/published.json")).unwrap()
}

fn botocore() -> Value {
    serde_json::from_str(include_str!("data/botocore.json")).unwrap()
}

#[test]
fn signs_and_verifies_the_published_test_suite() {
    let now = Timestamp::parse("20150830T123600Z").unwrap().seconds();
    for vector in published().as_array().unwrap() {
        let mut sent = vec![("Host", "example.amazonaws.com")];
        sent.extend(headers(vector));
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: SECRET.into(),
            session_token: None,
        };
        let request = Request {
            method: text(vector, "method"),
            path: text(vector, "path"),
            query: text(vector, "query"),
            headers: &sent.clone(),
            region: "us-east-1",
            service: "service",
            now,
        };
        let body = text(vector, "body").as_bytes();
        let added = sign(&request, &sigv4::sha256_hex(body), &credentials);
        let authorization = &added.last().unwrap().1;
        let name = text(vector, "name");
        assert!(authorization.ends_with(text(vector, "signature")), "{name}: {authorization}");
        sent.extend(added.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let signed = read(request.method, request.path, request.query, &sent);
        assert_eq!(signed.verify(SECRET, PayloadHash::Of(body), now), Ok(()), "{name}");
    }
}

#[test]
fn verifies_what_botocore_signs_and_nothing_else() {
    let data = botocore();
    let now = data["now"].as_i64().unwrap();
    for vector in data["vectors"].as_array().unwrap() {
        let name = text(vector, "name");
        let headers = headers(vector);
        let (method, path, query) = (text(vector, "method"), text(vector, "path"), text(vector, "query"));
        let signed = read(method, path, query, &headers);
        let body = text(vector, "body").as_bytes();
        let secret = text(vector, "secret");
        assert_eq!(signed.verify(secret, PayloadHash::Of(body), now), Ok(()), "{name}");
        assert_eq!(signed.service, text(vector, "service"), "{name}");
        assert_eq!(signed.session_token.as_deref(), vector["session_token"].as_str(), "{name}");

        let wrong = |r: &SignedRequest, secret: &str, body: &[u8]| {
            r.verify(secret, PayloadHash::Of(body), now).unwrap_err().kind
        };
        let mismatch = AuthErrorKind::SignatureDoesNotMatch;
        assert_eq!(wrong(&signed, "other", body), mismatch, "{name}: secret");
        if signed.payload != Payload::Unsigned {
            assert_eq!(wrong(&signed, secret, b"other"), mismatch, "{name}: body");
        }
        assert_eq!(wrong(&read("OPTIONS", path, query, &headers), secret, body), mismatch, "{name}: method");
        let elsewhere = format!("{path}x");
        assert_eq!(wrong(&read(method, &elsewhere, query, &headers), secret, body), mismatch, "{name}: path");
        let more = format!("{query}&x=1");
        assert_eq!(wrong(&read(method, path, &more, &headers), secret, body), mismatch, "{name}: query");
        let mut host = headers.clone();
        host[0].1 = "elsewhere";
        assert_eq!(wrong(&read(method, path, query, &host), secret, body), mismatch, "{name}: host");
    }
}

#[test]
fn our_own_presigned_requests_verify_until_they_expire() {
    let now = 1_800_000_000;
    let credentials = Credentials {
        access_key_id: "ASIAEXAMPLE".into(),
        secret_access_key: SECRET.into(),
        session_token: Some("to/ken+==".into()),
    };
    let request = Request {
        method: "GET",
        path: "/prod/a b",
        query: "x=1&x=%20",
        headers: &[("host", "h.example")],
        region: "us-east-1",
        service: "execute-api",
        now,
    };
    let query = presign(&request, &sigv4::sha256_hex(b""), &credentials, 60);
    let signed = read("GET", "/prod/a b", &query, &[("Host", "h.example")]);
    assert_eq!(signed.session_token.as_deref(), Some("to/ken+=="));
    for (at, want) in [(now, None), (now + 60, None), (now + 61, Some(AuthErrorKind::RequestExpired))] {
        assert_eq!(signed.verify(SECRET, PayloadHash::Of(b""), at).err().map(|e| e.kind), want, "{at}");
    }
    let early = signed.verify(SECRET, PayloadHash::Of(b""), now - 301).unwrap_err();
    assert!(early.message.starts_with("Signature not yet current"), "{early}");
}

// S3 API Reference, "Authenticating Requests: Using Query Parameters".
#[test]
fn verifies_the_presigned_request_of_the_documentation() {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3\
        %2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=\
        aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let signed = read("GET", "/test.txt", query, &[("Host", "examplebucket.s3.amazonaws.com")]);
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    assert_eq!(signed.verify(secret, PayloadHash::Of(b""), signed.time.seconds()), Ok(()));
}

// S3 API Reference, "Transferring Payload in Multiple Chunks": 66,560 bytes of `a` in chunks of 65,536 and 1,024.
#[test]
fn verifies_and_joins_the_chunks_of_the_documentation() {
    let headers = [
        ("Host", "s3.amazonaws.com"),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        (
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
            SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
            x-amz-decoded-content-length;x-amz-storage-class,\
            Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        ),
        ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ("Content-Encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "66560"),
        ("Content-Length", "66824"),
    ];
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let signed = read("PUT", "/examplebucket/chunkObject.txt", "", &headers);
    let mut body = Vec::new();
    for (size, signature) in [
        (65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (1_024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ] {
        body.extend(format!("{size:x};chunk-signature={signature}\r\n").bytes());
        body.extend(std::iter::repeat_n(b'a', size));
        body.extend(b"\r\n");
    }
    assert_eq!(body.len(), 66_824);
    assert_eq!(signed.verify(secret, PayloadHash::Of(&body), signed.time.seconds()), Ok(()));
    let key = signed.signing_key(secret);
    let whole = signed.decode_body(&key, &body).unwrap();
    assert!(whole.len() == 66_560 && whole.iter().all(|b| *b == b'a'));

    body[70_000 - 4_000] = b'b';
    assert_eq!(signed.decode_body(&key, &body).unwrap_err().kind, AuthErrorKind::SignatureDoesNotMatch);
    assert!(signed.decode_body(&key, &body[..100]).is_err());
    assert!(signed.decode_body(&key, b"fffffffffffffff;chunk-signature=0\r\n").is_err());
    assert!(signed.decode_body(&key, b"").is_err());
}

#[test]
fn joins_unsigned_chunks_with_a_trailer() {
    let headers = [
        ("host", "h"),
        ("x-amz-date", "20130524T000000Z"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=A/20130524/r/s3/aws4_request, SignedHeaders=host, Signature=0",
        ),
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
    ];
    let signed = read("PUT", "/", "", &headers);
    let key = signed.signing_key(SECRET);
    let body = b"5\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
    assert_eq!(signed.decode_body(&key, body).unwrap().as_ref(), b"hello!");
}

#[test]
fn a_clock_more_than_five_minutes_off_is_told_the_times() {
    let headers = [
        ("host", "h"),
        ("x-amz-date", "20260301T120000Z"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=A/20260301/us-east-1/iam/aws4_request, SignedHeaders=host;x-amz-date, Signature=0",
        ),
    ];
    let signed = read("POST", "/", "", &headers);
    let at = |s: i64| {
        let now = Timestamp::parse("20260301T120000Z").unwrap().seconds() + s;
        signed.verify(SECRET, PayloadHash::Of(b""), now).unwrap_err().message
    };
    assert_eq!(
        at(301),
        "Signature expired: 20260301T120000Z is now earlier than 20260301T120001Z (20260301T120501Z - 5 min.)"
    );
    assert_eq!(
        at(-301),
        "Signature not yet current: 20260301T120000Z is still later than 20260301T115959Z \
         (20260301T115459Z + 5 min.)"
    );
    for inside in [300, -300] {
        assert!(at(inside).starts_with("The request signature we calculated does not match"), "{inside}");
    }
}

fn refusal(headers: &[(&str, &str)], query: &str) -> String {
    let error = parse("GET", "/", query, &as_bytes(headers)).unwrap_err();
    error.message
}

#[test]
fn an_incomplete_signature_is_told_everything_that_is_missing() {
    assert_eq!(
        refusal(&[("Authorization", "secret")], ""),
        "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. \
         Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either \
         a 'X-Amz-Date' or a 'Date' header. (Hashed with SHA-256 and encoded with Base64) \
         Authorization=K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols="
    );
    assert_eq!(
        refusal(&[("Authorization", "Bearer abc")], ""),
        "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with \
         Base64): 'w1Xc6WwWEogNEZQP/dkBTThsJT4MNlKmzQanIm970rY='."
    );
    assert_eq!(
        refusal(
            &[],
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Date=b&X-Amz-SignedHeaders=host"
        ),
        "AWS query-string parameters must include 'X-Amz-Signature'. Re-examine the query-string parameters."
    );
    let with = |date: &str, credential: &str, signed: &str| {
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature=0");
        refusal(&[("host", "h"), ("x-amz-date", date), ("authorization", &authorization)], "")
    };
    let good = "A/20260301/us-east-1/iam/aws4_request";
    assert!(
        with("yesterday", good, "host")
            .starts_with("Date must be in ISO-8601 'basic format'. Got 'yesterday'.")
    );
    assert!(
        with("20260302T000000Z", good, "host")
            .starts_with("Date in Credential scope does not match YYYYMMDD")
    );
    assert!(with("20260301T000000Z", good, "x-amz-date").starts_with("'Host' or ':authority' must be"));
}

#[test]
fn an_unsigned_request_is_not_an_error() {
    assert!(parse("GET", "/", "X-Amz-Other=1", &[("host", b"h")]).unwrap().is_none());
}

#[test]
fn the_scope_must_be_of_the_service_and_region_called() {
    let data = botocore();
    let vector = &data["vectors"][0];
    let signed = read("POST", "/", "", &headers(vector));
    assert_eq!(signed.check_scope("sts", None), Ok(()));
    assert_eq!(
        signed.check_scope("iam", Some("eu-west-1")).unwrap_err().message,
        "Credential should be scoped to a valid region. Credential should be scoped to correct service: 'iam'. "
    );
}

#[test]
fn a_wrong_signature_shows_what_should_have_been_signed_without_the_token() {
    let data = botocore();
    let vector = data["vectors"].as_array().unwrap().iter().find(|v| v["session_token"].is_string()).unwrap();
    let signed = read("POST", "/", "", &headers(vector));
    let error = signed.verify("other", PayloadHash::Of(b""), data["now"].as_i64().unwrap()).unwrap_err();
    let text = error.message_with_expected();
    assert!(text.contains("The Canonical String for this request should have been\n'POST\n/\n"), "{text}");
    assert!(text.contains("x-amz-security-token:***\n"), "{text}");
    assert!(!text.contains("FwoGZXIvYXdzE"), "{text}");
}
