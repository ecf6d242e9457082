//! The memory of a process, where no file of Linux's tells it.

/// Bytes of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// All that is resident.
    pub resident: u64,
    /// What it shares with nobody, where that is known.
    pub own: Option<u64>,
}

/// The memory of the process now; `None` on Linux, which has `/proc` for it, and where it is not known how to ask.
pub fn memory(pid: u32) -> Option<Memory> {
    ask(libc::c_int::try_from(pid).ok()?)
}

#[cfg(target_os = "macos")]
fn ask(pid: libc::c_int) -> Option<Memory> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage_info_v2>::zeroed();
    // SAFETY: the buffer is of the kind that the flavor says; zeros are a value of it.
    unsafe {
        let got = libc::proc_pid_rusage(pid, libc::RUSAGE_INFO_V2, usage.as_mut_ptr().cast());
        let usage = usage.assume_init();
        (got == 0).then_some(Memory { resident: usage.ri_resident_size, own: Some(usage.ri_phys_footprint) })
    }
}

#[cfg(target_os = "freebsd")]
fn ask(pid: libc::c_int) -> Option<Memory> {
    let name = [libc::CTL_KERN, libc::KERN_PROC, libc::KERN_PROC_PID, pid];
    let mut process = std::mem::MaybeUninit::<libc::kinfo_proc>::zeroed();
    let mut size = size_of::<libc::kinfo_proc>();
    // SAFETY: the buffer has the size that is told; zeros are a value of it.
    unsafe {
        let buffer = process.as_mut_ptr().cast();
        let got = libc::sysctl(name.as_ptr(), name.len() as u32, buffer, &mut size, std::ptr::null(), 0);
        let pages = u64::try_from(process.assume_init().ki_rssize).ok()?;
        let page = u64::try_from(libc::sysconf(libc::_SC_PAGESIZE)).ok()?;
        (got == 0 && size == size_of::<libc::kinfo_proc>())
            .then_some(Memory { resident: pages * page, own: None })
    }
}

#[cfg(not(any(target_os = "macos", target_os = "freebsd")))]
fn ask(_: libc::c_int) -> Option<Memory> {
    None
}
