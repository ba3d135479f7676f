//! Locks at the socket: requests become commands, and what became of them is read from the state.

use std::time::Duration;

use api::lock::{LockReply, LockRequest, LockStanding, LockView, Locks};
use api::{ApiError, ErrorCode};
use model::lock::{LEASE_DEFAULT, LockOwner, LockSeen, LockWait};
use model::{Command, LockName, LockToken, SessionName, UserName};
use server::Reply;

use super::control::Control;
use super::pending::Pending;

impl Control {
    /// All locks, or one.
    pub fn locks_view(&self, only: Option<&str>) -> Result<Locks, ApiError> {
        let now = self.node.cluster_time(host::clock::now());
        let held = self.node.state().locks().held().iter();
        let wanted = held.filter(|(name, _)| only.is_none_or(|only| only == name.as_str()));
        let locks: Vec<LockView> = wanted
            .map(|(name, seen)| LockView::new(name, seen, now))
            .collect();
        match only.filter(|_| locks.is_empty()) {
            Some(name) => Err(ErrorCode::LockIsFree.error(format!("nobody holds lock {name}"))),
            None => Ok(Locks {
                seen_by: self.identity.name.to_string(),
                locks,
            }),
        }
    }

    /// Serves a request of a client or a person.
    pub fn take_lock(&mut self, request: &LockRequest, by: UserName, reply: Reply<LockReply>) {
        match self.lock_command(request, by) {
            Err(error) => drop(reply.send(Err(error))),
            Ok((command, lock, session)) => {
                let id = self.new_request(Pending::Lock {
                    reply,
                    lock,
                    session,
                });
                self.node.handle_request(id, command, host::clock::now());
            }
        }
    }

    fn lock_command(
        &self,
        request: &LockRequest,
        by: UserName,
    ) -> Result<(Command, LockName, Option<SessionName>), ApiError> {
        let lock = name(request.lock(), "a lock", LockName::new)?;
        let of = |session: &str| name(session, "a session", SessionName::new);
        let token = |token: &Option<u64>| token.map(LockToken);
        let named = lock.clone();
        let (command, session) = match request {
            LockRequest::Take {
                session,
                lease_ms,
                wait,
                ..
            } => {
                let session = match session {
                    Some(session) => of(session)?,
                    // No two requests of a node have the same number.
                    None => {
                        let node: String = self.identity.name.as_str().chars().take(40).collect();
                        of(&format!("{node}-{:x}", self.next_request))?
                    }
                };
                let owner = LockOwner {
                    session: session.clone(),
                    user: by,
                    node: self.identity.name.clone(),
                    boot: self.node.config().boot,
                };
                let command = Command::TakeLock {
                    lock,
                    owner,
                    lease: lease_ms.map_or(LEASE_DEFAULT, Duration::from_millis),
                    wait: if *wait { LockWait::Queue } else { LockWait::No },
                };
                (command, Some(session))
            }
            LockRequest::Renew {
                session, token: t, ..
            } => {
                let (session, token) = (of(session)?, token(t));
                let own = session.clone();
                let command = Command::RenewLock {
                    lock,
                    session,
                    token,
                };
                (command, Some(own))
            }
            LockRequest::Release {
                session, token: t, ..
            } => {
                let (session, token) = (of(session)?, token(t));
                let own = session.clone();
                let command = Command::ReleaseLock {
                    lock,
                    session,
                    token,
                };
                (command, Some(own))
            }
            LockRequest::Recall { token, .. } => {
                let token = LockToken(*token);
                (Command::RecallLock { lock, token, by }, None)
            }
        };
        Ok((command, named, session))
    }

    /// What a session has of a lock, as the entry of this index has left it.
    pub fn lock_reply(
        &self,
        index: u64,
        (lock, session): (&LockName, Option<&SessionName>),
    ) -> LockReply {
        let seen = self.node.state().locks().held().get(lock);
        reply_of(index, (lock, session), seen)
    }
}

fn reply_of(
    index: u64,
    (lock, session): (&LockName, Option<&SessionName>),
    seen: Option<&LockSeen>,
) -> LockReply {
    let mut reply = LockReply {
        lock: lock.to_string(),
        session: session.map_or_else(String::new, ToString::to_string),
        index,
        ..LockReply::default()
    };
    let (Some(seen), Some(session)) = (seen, session) else {
        return reply;
    };
    if let Some(own) = seen.place_of(session) {
        reply.lease_ms = u64::try_from(own.lease.as_millis()).unwrap_or(u64::MAX);
    }
    if seen.holder.owner.session == *session {
        reply.standing = LockStanding::Held;
        reply.token = Some(seen.token.0);
    } else if let Some(at) = (seen.waiting.iter()).position(|own| own.owner.session == *session) {
        reply.standing = LockStanding::Waiting;
        reply.place = Some(at + 1);
    }
    reply
}

fn name<T>(
    text: &str,
    what: &str,
    make: impl Fn(String) -> Result<T, model::id::NameError>,
) -> Result<T, ApiError> {
    make(text.to_string()).map_err(|error| {
        ErrorCode::BadRequest.error(format!("`{text}` is no name of {what}: {error}"))
    })
}
