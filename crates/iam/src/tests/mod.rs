//! What operations answer, driven as the server drives them.

mod checks;
mod collecting;
mod groups_and_users;
mod keys;
mod policies;
mod roles;
mod sts;
mod whole;
