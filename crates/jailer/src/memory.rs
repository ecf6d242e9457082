//! The memory of a process, where no file of Linux's tells it.

/// Bytes of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// All that is resident.
    pub resident: u64,
    /// What it shares with nobody.
    pub own: u64,
}

/// The memory of the process now; `None` on Linux, which has `/proc` for it, and where it is not known how to ask.
#[cfg(target_os = "macos")]
pub fn memory(pid: u32) -> Option<Memory> {
    let pid = libc::c_int::try_from(pid).ok()?;
    let mut usage = std::mem::MaybeUninit::<libc::rusage_info_v2>::zeroed();
    // SAFETY: the buffer is of the kind that the flavor says; zeros are a value of it.
    unsafe {
        let got = libc::proc_pid_rusage(pid, libc::RUSAGE_INFO_V2, usage.as_mut_ptr().cast());
        let usage = usage.assume_init();
        (got == 0).then_some(Memory { resident: usage.ri_resident_size, own: usage.ri_phys_footprint })
    }
}

/// The memory of the process now; `None` on Linux, which has `/proc` for it, and where it is not known how to ask.
#[cfg(not(target_os = "macos"))]
pub fn memory(_: u32) -> Option<Memory> {
    None
}
