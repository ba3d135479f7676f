//! The one-time right of a cluster to be taken in by a witness. It is made and read as the
//! token of a node is, and begins with other letters, so that neither is taken for the other.

use std::fmt;
use std::str::FromStr;

use crate::token::{TOKEN_PREFIX, Token, TokenError};

/// What each token of a witness begins with; as long as that of a node.
pub const WITNESS_TOKEN_PREFIX: &str = "msw1-";

/// A one-time right to be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessToken(pub Token);

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WitnessTokenError {
    /// It lets a node join a cluster.
    #[error("this token lets a node join; a witness's token is made by `mainstay witness token`")]
    OfNode,
    /// Does not begin as tokens do.
    #[error("this is no token of a witness: they begin with `{WITNESS_TOKEN_PREFIX}`")]
    NoToken,
    /// It was good until a moment that has passed.
    #[error("the token expired; make a new one with `mainstay witness token`")]
    Expired,
    /// Anything else.
    #[error(transparent)]
    Other(TokenError),
}

impl WitnessToken {
    /// Refuses an expired one.
    ///
    /// # Errors
    /// When `now` is after its time.
    pub fn check_time(&self, now: model::WallTime) -> Result<(), WitnessTokenError> {
        self.0
            .check_time(now)
            .map_err(|_| WitnessTokenError::Expired)
    }
}

impl fmt::Display for WitnessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let coded = text.strip_prefix(TOKEN_PREFIX).unwrap_or(&text);
        write!(f, "{WITNESS_TOKEN_PREFIX}{coded}")
    }
}

impl FromStr for WitnessToken {
    type Err = WitnessTokenError;

    fn from_str(text: &str) -> Result<Self, WitnessTokenError> {
        let text = text.trim();
        if text.starts_with(TOKEN_PREFIX) {
            return Err(WitnessTokenError::OfNode);
        }
        let coded = text
            .strip_prefix(WITNESS_TOKEN_PREFIX)
            .ok_or(WitnessTokenError::NoToken)?;
        [TOKEN_PREFIX, coded]
            .concat()
            .parse()
            .map(Self)
            .map_err(WitnessTokenError::Other)
    }
}

#[cfg(test)]
mod tests {
    use model::WallTime;
    use proptest::prelude::*;

    use super::*;
    use crate::keys::Fingerprint;

    fn token() -> WitnessToken {
        let addresses = vec!["10.0.0.50:7412".parse().unwrap()];
        WitnessToken(Token::generate(addresses, Fingerprint([7; 32]), WallTime(5)).unwrap())
    }

    #[test]
    fn the_token_of_a_node_is_not_taken_for_that_of_a_witness() {
        let token = token();
        assert_eq!(token.to_string().parse(), Ok(token.clone()));
        let of_node = token.0.to_string();
        assert_eq!(
            of_node.parse::<WitnessToken>(),
            Err(WitnessTokenError::OfNode)
        );
        assert!(token.to_string().parse::<Token>().is_err());
        assert_eq!(
            token.check_time(WallTime(6)),
            Err(WitnessTokenError::Expired)
        );
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_an_error_and_never_a_panic(text in ".{0,200}") {
            prop_assert!(text.parse::<WitnessToken>().is_err());
            let prefixed = [WITNESS_TOKEN_PREFIX, &text].concat();
            prop_assert!(prefixed.parse::<WitnessToken>().is_err());
        }
    }
}
