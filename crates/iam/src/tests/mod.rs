//! What operations answer, driven as the server drives them.

mod checks;
mod collecting;
mod groups_and_users;
mod keys;
mod mfa;
mod policies;
mod providers;
mod roles;
mod simulation;
mod sts;
mod whole;
