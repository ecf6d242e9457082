//! Decides whether functions are jailed: `cfg(jail)`. Crate `lambda` has the same build script.

fn main() {
    println!("cargo:rerun-if-changed=../jailer/build.rs");
    println!("cargo:rustc-check-cfg=cfg(jail)");
    let linux = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux");
    if linux && std::env::var_os("CARGO_FEATURE_UNJAILED").is_none() {
        println!("cargo:rustc-cfg=jail");
    }
}
