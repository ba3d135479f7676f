//! Locks: who holds them, and what happens to whoever wants one.

use api::lock::{LockPlaceView, LockReply, LockRequest, LockStanding, LockView};
use api::{ApiError, ErrorCode};

use super::{World, ago};

impl World {
    pub(super) fn add_lock(&mut self, rest: &str) {
        let words: Vec<&str> = rest.split(' ').collect();
        let [name, "by", user, "on", node, "token", token] = words[..] else {
            panic!("not a lock: {rest}");
        };
        self.locks.push(LockView {
            name: name.into(),
            token: token.parse().unwrap(),
            holder: place(node, user),
            waiting: vec![place("gamma", "cron")],
            ..LockView::default()
        });
    }

    pub(super) fn take_lock(&mut self, request: &LockRequest) -> Result<LockReply, ApiError> {
        let name = request.lock().to_string();
        let held = self.locks.iter_mut().find(|lock| lock.name == name);
        let mut reply = LockReply {
            lock: name.clone(),
            session: "alpha-6f".into(),
            lease_ms: 30_000,
            index: 41,
            ..LockReply::default()
        };
        match (request, held) {
            (LockRequest::Take { wait: false, .. }, Some(held)) => {
                let LockView { token, holder, .. } = held;
                let (user, node) = (&holder.user, &holder.node);
                let told = format!("lock {name} is held by {user} on {node}, token {token}");
                return Err(ErrorCode::LockHeld.error(told));
            }
            (LockRequest::Take { .. }, Some(_)) => {
                (reply.standing, reply.place) = (LockStanding::Waiting, Some(2));
            }
            (LockRequest::Take { .. } | LockRequest::Renew { .. }, None) => {
                (reply.standing, reply.token) = (LockStanding::Held, Some(41));
            }
            (LockRequest::Recall { .. } | LockRequest::Renew { .. }, Some(_)) => {}
            (LockRequest::Release { session, .. }, held) => {
                reply.session.clone_from(session);
                if held.is_none_or(|held| held.holder.session != *session) {
                    let told = format!("{session} has lost lock {name}, or never had it");
                    return Err(ErrorCode::LockLost.error(told));
                }
            }
            (LockRequest::Recall { .. }, None) => {
                return Err(ErrorCode::LockIsFree.error(format!("nobody holds lock {name}")));
            }
        }
        Ok(reply)
    }
}

fn place(node: &str, user: &str) -> LockPlaceView {
    LockPlaceView {
        session: format!("{node}-5e"),
        user: user.into(),
        node: node.into(),
        since: ago(90),
        lease_ms: 30_000,
        left_ms: 24_300,
    }
}
