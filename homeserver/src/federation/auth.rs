//! Signatures of requests.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#request-authentication)

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use ruma::{
    CanonicalJsonValue, OwnedServerName, OwnedServerSigningKeyId, ServerName, SigningKeyAlgorithm,
    api::{
        auth_scheme::AuthScheme,
        error::ErrorKind,
        federation::authentication::{ServerSignatures, XMatrix},
    },
    serde::Base64,
    signatures::{PublicKeyMap, PublicKeySet, verify_canonical_json_bytes},
};

use super::{Federation, signing_keys::When};
use crate::{ApiError, ApiResult};

/// Signatures that are looked at of one request.
const MAX_SIGNATURES: usize = 5;
/// Bytes of the id of a key.
const MAX_KEY_ID_LENGTH: usize = 255;

/// Who says to have sent a request, and the signatures that prove it.
#[derive(Debug)]
pub struct Credentials {
    /// The server.
    pub origin: OwnedServerName,
    signatures: Vec<XMatrix>,
}

impl Federation {
    /// Reads who sent a request, which is not proven yet. Refuses servers this one does not talk to.
    pub fn credentials(&self, headers: &HeaderMap) -> ApiResult<Credentials> {
        let credentials = parse_headers(headers, self.server_name())?;
        if credentials.origin == self.server_name() {
            return Err(unauthorized(
                "The origin of the request is this server itself.",
            ));
        }
        if !self.allows(&credentials.origin) {
            return Err(ApiError::forbidden(format!(
                "This server does not talk to {}.",
                credentials.origin
            )));
        }
        Ok(credentials)
    }

    /// Proves that the origin sent this request, with this body, to this server.
    pub async fn verify(&self, request: &Request<Bytes>, credentials: &Credentials) -> ApiResult {
        let origin = &credentials.origin;
        let wanted: BTreeSet<OwnedServerSigningKeyId> = credentials
            .signatures
            .iter()
            .map(|signature| signature.key.clone())
            .collect();
        let known = self.public_keys(origin, &wanted, When::Now).await?;
        let mut checked = self.check(request, credentials, &known);
        if checked.is_err() && !known.is_empty() {
            // The server may have another key under the same id by now.
            let anew = self
                .inner
                .keys
                .find_anew(origin, &wanted, When::Now)
                .await?;
            if anew != known {
                checked = self.check(request, credentials, &anew);
            }
        }
        checked.map_err(|reason| {
            if has_no_canonical_form(request.body()) {
                return ApiError::bad_json(
                    "The request body has numbers that canonical JSON does not have.",
                );
            }
            unauthorized(format!(
                "The signature of {origin} on the request cannot be verified: {reason}."
            ))
        })?;
        self.heard_from(origin);
        Ok(())
    }

    /// One right signature is enough: a server may sign with keys that others have not learnt of yet.
    fn check(
        &self,
        request: &Request<Bytes>,
        credentials: &Credentials,
        keys: &PublicKeySet,
    ) -> Result<(), String> {
        let map = PublicKeyMap::from([(credentials.origin.to_string(), keys.clone())]);
        let mut reason = "its signing key is not known".to_owned();
        for signature in &credentials.signatures {
            let Some(key) = keys.get(signature.key.as_str()) else {
                continue;
            };
            match signature.verify_request(request, self.server_name(), &map) {
                Ok(()) => return Ok(()),
                Err(_) if signs_as_sent(signature, request, key) => return Ok(()),
                Err(error) => reason = error.to_string(),
            }
        }
        Err(reason)
    }
}

/// Whether a signature is right for a body taken word by word.
///
/// A body with a fraction in it has no canonical form, yet servers pass on what their users send to devices, sign it as
/// they send it, and would send nothing else until it is taken.
fn signs_as_sent(signature: &XMatrix, request: &Request<Bytes>, key: &Base64) -> bool {
    let Ok(body) = std::str::from_utf8(request.body()) else {
        return false;
    };
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let destination = signature.destination.as_ref();
    let destination = destination.map(|name| format!(",\"destination\":{}", quoted(name.as_str())));
    let uri = request.uri().path_and_query();
    let signed = format!(
        "{{\"content\":{body}{},\"method\":{},\"origin\":{},\"uri\":{}}}",
        destination.unwrap_or_default(),
        quoted(request.method().as_str()),
        quoted(signature.origin.as_str()),
        quoted(uri.map_or("/", |uri| uri.as_str())),
    );
    verify_canonical_json_bytes(
        &SigningKeyAlgorithm::Ed25519,
        key.as_bytes(),
        signature.sig.as_bytes(),
        signed.as_bytes(),
    )
    .is_ok()
}

fn has_no_canonical_form(body: &[u8]) -> bool {
    let json = serde_json::from_slice::<serde_json::Value>(body);
    json.is_ok_and(|json| CanonicalJsonValue::try_from(json).is_err())
}

fn unauthorized(message: impl Into<std::borrow::Cow<'static, str>>) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, ErrorKind::Unauthorized, message)
}

/// The signatures for this server in the headers of a request. All have to be of one origin.
fn parse_headers(headers: &HeaderMap, destination: &ServerName) -> ApiResult<Credentials> {
    let mut found: Option<Credentials> = None;
    for value in headers.get_all(header::AUTHORIZATION) {
        let Some(parameters) = value.to_str().ok().and_then(parameters_of) else {
            continue;
        };
        let signature = parse(parameters)?;
        if signature
            .destination
            .as_deref()
            .is_some_and(|named| named != destination)
        {
            return Err(unauthorized(format!(
                "The request is for another server: this one is {destination}."
            )));
        }
        match &mut found {
            None => {
                found = Some(Credentials {
                    origin: signature.origin.clone(),
                    signatures: vec![signature],
                });
            }
            Some(found) if found.origin != signature.origin => {
                return Err(unauthorized(
                    "The request has signatures of several servers.",
                ));
            }
            Some(found) if found.signatures.len() < MAX_SIGNATURES => {
                found.signatures.push(signature);
            }
            Some(_) => {}
        }
    }
    found.ok_or_else(|| {
        unauthorized("This endpoint is for servers: sign the request in a header \"Authorization: X-Matrix …\".")
    })
}

/// What comes after the scheme, if it is ours.
fn parameters_of(value: &str) -> Option<&str> {
    let (scheme, parameters) = value.trim_start().split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("X-Matrix")
        .then_some(parameters)
}

fn parse(text: &str) -> ApiResult<XMatrix> {
    let malformed = |what: &str| {
        unauthorized(format!(
            "The header Authorization: X-Matrix is malformed: {what}."
        ))
    };
    let parameters =
        parse_parameters(text).ok_or_else(|| malformed("it is no list of name=value"))?;
    let parameter = |name: &str| {
        let mut values = parameters
            .iter()
            .filter(|(other, _)| other == name)
            .map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(malformed(&format!("it has {name} twice"))),
            (value, None) => Ok(value),
        }
    };
    let required =
        |name: &str| parameter(name)?.ok_or_else(|| malformed(&format!("it lacks {name}")));
    let server = |text: &str| {
        OwnedServerName::try_from(text).map_err(|_| {
            ApiError::invalid_param("The origin or destination of the request is no server name.")
        })
    };
    let origin = server(required("origin")?)?;
    let key = required("key")?;
    let key = Some(key).filter(|key| key.len() <= MAX_KEY_ID_LENGTH);
    let key = key.and_then(|key| OwnedServerSigningKeyId::try_from(key).ok());
    let key = key.ok_or_else(|| malformed("key is no id of a key"))?;
    let sig = Base64::parse(required("sig")?).map_err(|_| malformed("sig is not Base64"))?;
    let destination = parameter("destination")?.map(server).transpose()?;
    // The type can be made with a destination only.
    let mut signature = XMatrix::new(origin.clone(), origin, key, sig);
    signature.destination = destination;
    Ok(signature)
}

/// `name=value` pairs with commas between them. Values are quoted, or consist of letters that need no quotes; colons
/// and a few others count among those, since older servers do not quote them.
fn parse_parameters(text: &str) -> Option<Vec<(String, String)>> {
    let mut parameters = Vec::new();
    let mut rest = text.trim_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_end_matches([' ', '\t']);
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(is_token) {
            return None;
        }
        let after = after.trim_start_matches([' ', '\t']);
        let (value, after) = if let Some(quoted) = after.strip_prefix('"') {
            unquote(quoted)?
        } else {
            let end = after.find([',', ' ', '\t']).unwrap_or(after.len());
            (after[..end].to_owned(), &after[end..])
        };
        parameters.push((name.to_ascii_lowercase(), value));
        let after = after.trim_start_matches([' ', '\t']);
        if !after.is_empty() && !after.starts_with(',') {
            return None;
        }
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
    Some(parameters)
}

/// The text up to the closing quote, without its backslashes, and what comes after.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

/// Writes the signature of an outgoing request the way every server reads it: all values in quotes, in the order of
/// the specification's example. None of them can contain a quote or a backslash.
pub(super) fn quote<T: AsRef<[u8]>>(request: &mut Request<T>) {
    let Ok(signature) = ServerSignatures::extract_authentication(request) else {
        return;
    };
    let XMatrix {
        origin,
        destination,
        key,
        sig,
        ..
    } = &signature;
    let destination = destination
        .as_deref()
        .map(ServerName::as_str)
        .unwrap_or_default();
    let sig = sig.encode();
    let text = format!(
        "X-Matrix origin=\"{origin}\",destination=\"{destination}\",key=\"{key}\",sig=\"{sig}\""
    );
    if let Ok(value) = HeaderValue::from_str(&text) {
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
}

#[cfg(test)]
mod tests {
    use ruma::server_name;

    use super::*;

    fn read(values: &[&'static str]) -> ApiResult<Credentials> {
        let headers = values
            .iter()
            .map(|value| (header::AUTHORIZATION, HeaderValue::from_static(value)));
        parse_headers(&headers.collect(), server_name!("b.example"))
    }

    #[test]
    fn quotes_spaces_and_case_make_no_difference() {
        for value in [
            "X-Matrix origin=\"a.example\",destination=\"b.example\",key=\"ed25519:k1\",sig=\"dGVzdA\"",
            "x-matrix  Origin=a.example , DESTINATION=b.example\t,key=ed25519:k1, sig=dGVzdA==",
            "X-Matrix sig=\"dG\\VzdA\",origin=a.example,key=\"ed25519:k1\",unknown=\"a,b\\\"c\",",
        ] {
            let credentials = read(&[value]).unwrap();
            assert_eq!(credentials.origin, "a.example", "{value}");
            assert_eq!(credentials.signatures[0].key, "ed25519:k1");
            assert_eq!(credentials.signatures[0].sig.as_bytes(), b"test");
        }
    }

    #[test]
    fn ports_and_literals_are_read_without_quotes() {
        let credentials =
            read(&["X-Matrix origin=[2001:db8::1]:8448,key=ed25519:k,sig=dGVzdA"]).unwrap();
        assert_eq!(credentials.origin, "[2001:db8::1]:8448");
        assert_eq!(credentials.signatures[0].destination, None);
    }

    #[test]
    fn malformed_headers_are_refused() {
        for value in [
            "Bearer abc",
            "X-Matrix",
            "X-Matrix origin",
            "X-Matrix origin=a.example,key=ed25519:k",
            "X-Matrix origin=a b,key=ed25519:k,sig=dGVzdA",
            "X-Matrix origin=\"a.example,key=ed25519:k,sig=dGVzdA",
            "X-Matrix origin=a.example,origin=c.example,key=ed25519:k,sig=dGVzdA",
            "X-Matrix origin=a.example,key=k,sig=dGVzdA",
            "X-Matrix origin=a.example,key=ed25519:k,sig=\"?\"",
            "X-Matrix origin=a.example,destination=c.example,key=ed25519:k,sig=dGVzdA",
        ] {
            let error = read(&[value]).unwrap_err();
            assert_eq!(error.status(), StatusCode::UNAUTHORIZED, "{value}");
            assert_eq!(error.kind(), Some(&ErrorKind::Unauthorized), "{value}");
        }
        for value in [
            "X-Matrix origin=\"a/b\",key=ed25519:k,sig=dGVzdA",
            "X-Matrix origin=\"a.example:http\",key=ed25519:k,sig=dGVzdA",
        ] {
            let error = read(&[value]).unwrap_err();
            assert_eq!(error.status(), StatusCode::BAD_REQUEST, "{value}");
        }
    }

    #[test]
    fn several_signatures_are_of_one_server() {
        let a1 = "X-Matrix origin=a.example,key=ed25519:k1,sig=dGVzdA";
        let a2 = "X-Matrix origin=a.example,key=ed25519:k2,sig=dGVzdA";
        let c = "X-Matrix origin=c.example,key=ed25519:k1,sig=dGVzdA";
        assert_eq!(read(&[a1, a2]).unwrap().signatures.len(), 2);
        assert_eq!(
            read(&[a1, c]).unwrap_err().status(),
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(read(&["Bearer x", a1]).unwrap().signatures.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_a_signature_or_refused(
            text in crate::any_input::text_like(&[
                "origin=\"a.example:8448\",destination=\"b.example\",key=\"ed25519:a\",sig=\"AAAA\"",
                "origin=a.example,key=ed25519:a,sig=AAAA",
            ]),
        ) {
            drop(parse(&text));
            if let Ok(value) = HeaderValue::from_str(&format!("X-Matrix {text}")) {
                let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
                drop(parse_headers(&headers, server_name!("b.example")));
            }
        }
    }
}
