//! The filter of system calls (seccomp) of a worker process.

use std::{collections::BTreeMap, env::consts::ARCH};

use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, apply_filter,
};

use super::Children;

/// Refused system calls, each with the cases in which it is; none means always.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// An argument, and what it is compared to.
type Condition = (u8, SeccompCmpOp, u64);

/// Other processes: their memory, their threads, their handles.
const PROCESSES: [i64; 11] = [
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kcmp,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
];

/// The system as other processes see it; most of it asks for rights that a node should not have.
const SYSTEM: [i64; 39] = [
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_lookup_dcookie,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_nfsservctl,
    libc::SYS_vhangup,
];

/// Signals: the first argument is the process. That of `tkill` is a thread, of any process.
const SIGNALS: [i64; 5] = [
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
];

/// Limits and turns: the first argument is the process or thread, 0 the caller.
const SCHEDULES: [i64; 5] = [
    libc::SYS_prlimit64,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setattr,
];

/// Namespaces that a child may be put into.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// `ioctl`: FIOSETOWN, SIOCSPGRP and TIOCSTI.
const IOCTLS: [u64; 3] = [0x8901, 0x8902, 0x5412];

/// `IOPRIO_WHO_PROCESS` of `ioprio_set`.
const IOPRIO_PROCESS: u64 = 1;

/// System calls of the x32 ABI: numbers with this bit, and those of its own.
#[cfg(target_arch = "x86_64")]
const X32: (i64, std::ops::RangeInclusive<i64>) = (0x4000_0000, 512..=547);

/// Refuses what is refused from now on. It also gives up new privileges (`no_new_privs`).
pub(super) fn install(children: Children) -> Result<(), Error> {
    // Its flags are in memory, where no filter sees them: C libraries use `clone` when it is missing.
    let unseen = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let refused = compile(refused(children)?, libc::EPERM)?;
    let missing = compile(unseen, libc::ENOSYS)?;
    apply_filter(&refused)?;
    apply_filter(&missing)
}

fn compile(rules: Rules, error: i32) -> Result<BpfProgram, BackendError> {
    let answer = SeccompAction::Errno(error.cast_unsigned());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, ARCH.try_into()?)?;
    filter.try_into()
}

fn refused(children: Children) -> Result<Rules, BackendError> {
    let own = u64::from(std::process::id());
    let other = |argument| [(argument, SeccompCmpOp::Ne, own)];
    let neither = |argument| {
        [
            (argument, SeccompCmpOp::Ne, 0),
            (argument, SeccompCmpOp::Ne, own),
        ]
    };
    let mut rules = Rules::new();
    rules.extend(PROCESSES.into_iter().chain(SYSTEM).map(always));
    for call in SIGNALS {
        rules.insert(call, vec![when(&other(0))?]);
    }
    for call in SCHEDULES {
        rules.insert(call, vec![when(&neither(0))?]);
    }
    for (call, process) in [
        (libc::SYS_setpriority, 0),
        (libc::SYS_ioprio_set, IOPRIO_PROCESS),
    ] {
        let groups = when(&[(0, SeccompCmpOp::Ne, process)])?;
        rules.insert(call, vec![groups, when(&neither(1))?]);
    }
    // Who is signalled when there is something to read.
    rules.insert(libc::SYS_fcntl, equal(1, &[8, 15])?);
    rules.insert(libc::SYS_ioctl, equal(1, &IOCTLS)?);
    rules.insert(libc::SYS_clone, clones(children)?);
    if children == Children::Refused {
        rules.extend([libc::SYS_execve, libc::SYS_execveat].map(always));
        #[cfg(target_arch = "x86_64")]
        rules.extend([libc::SYS_fork, libc::SYS_vfork].map(always));
    }
    #[cfg(target_arch = "x86_64")]
    add_x32(&mut rules);
    Ok(rules)
}

fn clones(children: Children) -> Result<Vec<SeccompRule>, BackendError> {
    let mask_of = |flag: i32| u64::from(flag.cast_unsigned());
    let mut cases = Vec::new();
    for mask in NAMESPACES.map(mask_of) {
        cases.push(when(&[(0, SeccompCmpOp::MaskedEq(mask), mask)])?);
    }
    if children == Children::Refused {
        let thread = mask_of(libc::CLONE_THREAD);
        cases.push(when(&[(0, SeccompCmpOp::MaskedEq(thread), 0)])?);
    }
    Ok(cases)
}

/// The same calls by their other numbers, which kernels with the x32 ABI answer as well.
#[cfg(target_arch = "x86_64")]
fn add_x32(rules: &mut Rules) {
    let (bit, own) = X32;
    let same: Vec<_> = rules
        .iter()
        .map(|(call, cases)| (call | bit, cases.clone()))
        .collect();
    rules.extend(same);
    rules.extend(own.map(|call| always(call | bit)));
    rules.extend([always(libc::SYS_clone3 | bit)]);
}

fn always(call: i64) -> (i64, Vec<SeccompRule>) {
    (call, Vec::new())
}

/// When all of these hold. The kernel reads 32 bits of arguments that are numbers of processes.
fn when(conditions: &[Condition]) -> Result<SeccompRule, BackendError> {
    let conditions = conditions.iter().map(|(argument, operator, value)| {
        let length = SeccompCmpArgLen::Dword;
        SeccompCondition::new(*argument, length, operator.clone(), *value)
    });
    SeccompRule::new(conditions.collect::<Result<_, _>>()?)
}

/// When the argument is one of these.
fn equal(argument: u8, values: &[u64]) -> Result<Vec<SeccompRule>, BackendError> {
    let cases = values.iter();
    cases
        .map(|value| when(&[(argument, SeccompCmpOp::Eq, *value)]))
        .collect()
}
