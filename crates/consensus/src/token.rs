//! The one-time token that lets a machine join: where to knock, whose key to expect there,
//! a secret, and until when.
//!
//! ```text
//!   mst1-<base64url of: body ‖ checksum>          layout: docs/formats/token.md
//! ```
//!
//! The cluster keeps only a hash of the secret. A token never says anything that a reader
//! could use after it was used or has expired.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::WallTime;

use crate::keys::{Fingerprint, KeyError, random_bytes, sha256};

/// What each token begins with; the digit is the version of the layout.
pub const TOKEN_PREFIX: &str = "mst1-";

/// Addresses in one token: more than a cluster has networks, and the text stays short enough
/// for one line of a terminal or two.
pub const TOKEN_ADDRESSES_MAX: usize = 8;

/// Bytes of the secret: too many to guess in the life of a token.
pub const SECRET_BYTES: usize = 16;

const CHECKSUM_BYTES: usize = 4;
const FAMILY_V4: u8 = 4;
const FAMILY_V6: u8 = 6;

/// A one-time right to join.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Where the node that made it listens, best first.
    pub addresses: Vec<SocketAddr>,
    /// The key that must answer there.
    pub server: Fingerprint,
    /// Proves the right.
    pub secret: [u8; SECRET_BYTES],
    /// Not valid after this time.
    pub expires: WallTime,
}

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Does not begin as tokens do.
    #[error("this is no token: tokens begin with `{TOKEN_PREFIX}`")]
    NoToken,
    /// Begins like a token of another version.
    #[error("this token was made by another version of mainstay: `{TOKEN_PREFIX}` is understood")]
    OtherVersion,
    /// A character that no token has.
    #[error("character {position} of the token cannot stand there; was it copied whole?")]
    Character {
        /// Counted from 1.
        position: usize,
    },
    /// Cut off, or something added.
    #[error("the token is too short or too long; was it copied whole?")]
    Length,
    /// One or more characters are wrong.
    #[error("the token is mistyped: its checksum does not fit")]
    Checksum,
    /// The checksum fits but the contents make no sense.
    #[error("the token holds no usable address")]
    Addresses,
    /// It was good until a moment that has passed.
    #[error("the token expired at {0}; make a new one with `mainstay token`")]
    Expired(WallTime),
}

impl Token {
    /// Makes a token with a new secret. More than [`TOKEN_ADDRESSES_MAX`] addresses are left
    /// out.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub fn generate(
        mut addresses: Vec<SocketAddr>,
        server: Fingerprint,
        expires: WallTime,
    ) -> Result<Self, KeyError> {
        addresses.truncate(TOKEN_ADDRESSES_MAX);
        Ok(Self {
            addresses,
            server,
            secret: random_bytes()?,
            expires,
        })
    }

    /// What the cluster keeps of it: the SHA-256 hash of the secret, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        secret_digest(&self.secret)
    }

    /// Refuses an expired one.
    ///
    /// # Errors
    /// When `now` is after its time.
    pub fn check_time(&self, now: WallTime) -> Result<(), TokenError> {
        if self.expires < now {
            Err(TokenError::Expired(self.expires))
        } else {
            Ok(())
        }
    }

    fn body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(64 + 19 * self.addresses.len());
        body.extend_from_slice(&self.server.0);
        body.extend_from_slice(&self.secret);
        body.extend_from_slice(&self.expires.0.to_be_bytes());
        body.push(u8::try_from(self.addresses.len()).expect("at most TOKEN_ADDRESSES_MAX"));
        for address in &self.addresses {
            match address.ip() {
                IpAddr::V4(ip) => {
                    body.push(FAMILY_V4);
                    body.extend_from_slice(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    body.push(FAMILY_V6);
                    body.extend_from_slice(&ip.octets());
                }
            }
            body.extend_from_slice(&address.port().to_be_bytes());
        }
        body
    }
}

/// What the cluster keeps of a token's secret: its SHA-256 hash, in hexadecimal.
#[must_use]
pub fn secret_digest(secret: &[u8; SECRET_BYTES]) -> String {
    sha256(secret)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.body();
        bytes.extend_from_slice(&sha256(&bytes)[..CHECKSUM_BYTES]);
        write!(f, "{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl fmt::Debug for Token {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("addresses", &self.addresses)
            .field("server", &self.server)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let Some(coded) = text.strip_prefix(TOKEN_PREFIX) else {
            let other = text.starts_with("mst") && text.contains('-');
            return Err(if other {
                TokenError::OtherVersion
            } else {
                TokenError::NoToken
            });
        };
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if let Some(at) = coded.bytes().position(|byte| !legal(byte)) {
            return Err(TokenError::Character {
                position: TOKEN_PREFIX.len() + at + 1,
            });
        }
        // All characters are legal: what is left to be wrong is the length, or bits of the
        // last character that no encoder sets.
        let bytes = URL_SAFE_NO_PAD.decode(coded).map_err(|error| match error {
            base64::DecodeError::InvalidLastSymbol(..) => TokenError::Checksum,
            base64::DecodeError::InvalidByte(..)
            | base64::DecodeError::InvalidLength(_)
            | base64::DecodeError::InvalidPadding => TokenError::Length,
        })?;
        let at = bytes
            .len()
            .checked_sub(CHECKSUM_BYTES)
            .ok_or(TokenError::Length)?;
        let (body, checksum) = bytes.split_at(at);
        if sha256(body)[..CHECKSUM_BYTES] != *checksum {
            return Err(TokenError::Checksum);
        }
        read_body(&mut Reader(body))
    }
}

fn read_body(body: &mut Reader<'_>) -> Result<Token, TokenError> {
    let server = Fingerprint(body.take()?);
    let secret = body.take()?;
    let expires = WallTime(u64::from_be_bytes(body.take()?));
    let [count] = body.take()?;
    if count == 0 || TOKEN_ADDRESSES_MAX < usize::from(count) {
        return Err(TokenError::Addresses);
    }
    let mut addresses = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let [family] = body.take()?;
        let ip = match family {
            FAMILY_V4 => IpAddr::V4(Ipv4Addr::from(body.take::<4>()?)),
            FAMILY_V6 => IpAddr::V6(Ipv6Addr::from(body.take::<16>()?)),
            _ => return Err(TokenError::Addresses),
        };
        addresses.push(SocketAddr::new(ip, u16::from_be_bytes(body.take()?)));
    }
    if !body.0.is_empty() {
        return Err(TokenError::Length);
    }
    Ok(Token {
        addresses,
        server,
        secret,
        expires,
    })
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], TokenError> {
        let (front, rest) = self.0.split_first_chunk().ok_or(TokenError::Length)?;
        self.0 = rest;
        Ok(*front)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token() -> Token {
        Token {
            addresses: vec![
                "10.0.0.11:7800".parse().unwrap(),
                "[fd00::1]:7800".parse().unwrap(),
            ],
            server: Fingerprint([7; 32]),
            secret: [9; SECRET_BYTES],
            expires: WallTime(1_795_215_599_999),
        }
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(text.parse::<Token>().unwrap_err().to_string(), expected);
    }

    #[test]
    fn each_mistake_with_a_token_is_told_apart() {
        let text = token().to_string();
        check("", "this is no token: tokens begin with `mst1-`");
        check(
            &text.replacen("mst1-", "mst2-", 1),
            "this token was made by another version of mainstay: `mst1-` is understood",
        );
        check(
            &text.replacen("mst1-B", "mst1-%", 1),
            "character 6 of the token cannot stand there; was it copied whole?",
        );
        check(
            "mst1-AAA",
            "the token is too short or too long; was it copied whole?",
        );
        check(
            &text[..text.len() - 8],
            "the token is mistyped: its checksum does not fit",
        );
        let error = token().check_time(WallTime(1_795_215_600_000)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the token expired at 2026-11-20T22:59:59.999Z; make a new one with `mainstay token`"
        );
        token().check_time(WallTime(1_795_215_599_999)).unwrap();
    }

    #[test]
    fn a_single_wrong_character_never_gives_another_token() {
        let text = token().to_string();
        for at in TOKEN_PREFIX.len()..text.len() {
            for wrong in ["A", "z", "0", "_"] {
                let mut mistyped = text.clone();
                mistyped.replace_range(at..=at, wrong);
                if mistyped != text {
                    assert_eq!(mistyped.parse::<Token>(), Err(TokenError::Checksum), "{at}");
                }
            }
        }
    }

    #[test]
    fn a_token_never_prints_its_secret() {
        assert!(!format!("{:?}", token()).contains("secret: ["));
        assert_eq!(token().digest().len(), 64);
    }

    proptest! {
        #[test]
        fn a_token_is_read_back_from_its_text(
            addresses in proptest::collection::vec(any::<SocketAddr>(), 1..=TOKEN_ADDRESSES_MAX),
            server in any::<[u8; 32]>(),
            secret in any::<[u8; SECRET_BYTES]>(),
            expires in any::<u64>(),
        ) {
            // Flow labels and scopes of IPv6 are of this machine; they do not travel.
            let addresses: Vec<_> =
                addresses.iter().map(|a| SocketAddr::new(a.ip(), a.port())).collect();
            let token =
                Token { addresses, server: Fingerprint(server), secret, expires: WallTime(expires) };
            prop_assert_eq!(format!(" {token}\n").parse::<Token>().unwrap(), token);
        }

        #[test]
        fn arbitrary_text_is_an_error_and_never_a_panic(text in ".{0,200}") {
            prop_assert!(text.parse::<Token>().is_err());
            let prefixed = [TOKEN_PREFIX, &text].concat();
            prop_assert!(prefixed.parse::<Token>().is_err());
        }
    }
}
