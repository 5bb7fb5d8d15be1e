/**
 * The RuntimeDefault seccomp profile: a list of what is allowed, everything else fails with EPERM. It follows what the
 * documentation of Docker says about its default profile: system calls that reach outside of namespaces, load code into the kernel,
 * set clocks, trace or mount are only allowed to a container that has the capability which they need anyway.
 */
import type { OciSeccomp, OciSyscall } from './oci-spec.ts';

const alwaysAllowed = `
accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64
close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old
epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2
fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64
fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync
ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat get_robust_list
get_thread_area getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups
getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid
getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getuid32 getxattr getxattrat
inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents
io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill landlock_add_rule landlock_create_ruleset
landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr listxattrat llistxattr _llseek
lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir
mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive
mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock
munlockall munmap name_to_handle_at nanosleep newfstatat _newselect open openat openat2 pause pidfd_open
pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2
prlimit64 process_mrelease process_vm_readv process_vm_writev pselect6 pselect6_time64 ptrace pwrite64 pwritev pwritev2
read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr
removexattrat rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask
rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo
sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler
sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg
sendto set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups
setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid
setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown
sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statmount
statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun
timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64
timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime
utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
arch_prctl modify_ldt arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls riscv_flush_icache
`;

/** Allowed when the container has the capability. */
const allowedWith: Readonly<Record<string, string>> = {
  CAP_DAC_READ_SEARCH: 'open_by_handle_at',
  CAP_SYS_ADMIN: `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr
    move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2
    unshare`,
  CAP_SYS_BOOT: 'reboot',
  CAP_SYS_CHROOT: 'chroot',
  CAP_SYS_MODULE: 'delete_module init_module finit_module',
  CAP_SYS_PACCT: 'acct',
  CAP_SYS_PTRACE: 'kcmp pidfd_getfd process_madvise',
  CAP_SYS_RAWIO: 'iopl ioperm',
  CAP_SYS_TIME: 'settimeofday stime clock_settime clock_settime64',
  CAP_SYS_TTY_CONFIG: 'vhangup',
  CAP_SYS_NICE: 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node',
  CAP_SYSLOG: 'syslog',
  CAP_BPF: 'bpf',
  CAP_PERFMON: 'perf_event_open',
};

/** All CLONE_NEW* flags of clone(2) but CLONE_NEWTIME, which clone(2) does not take. */
const cloneNamespaceFlags = 0x7e020000;
/** ADDR_NO_RANDOMIZE and the like stay out; these are Linux, Linux32, UNAME26 with both, and the query. */
const personalities = [0x0, 0x0008, 0x20000, 0x20008, 0xffffffff];
const AF_VSOCK = 40;
const ENOSYS = 38;
const EPERM = 1;

/** By Node's name of the machine's architecture: what it runs natively, and the older ones that its kernel may run too. */
const archs: Readonly<Record<string, { readonly native: string; readonly compatible: readonly string[] }>> = {
  x64: { native: 'SCMP_ARCH_X86_64', compatible: ['SCMP_ARCH_X86'] },
  arm64: { native: 'SCMP_ARCH_AARCH64', compatible: ['SCMP_ARCH_ARM'] },
  ppc64: { native: 'SCMP_ARCH_PPC64LE', compatible: [] },
  s390x: { native: 'SCMP_ARCH_S390X', compatible: ['SCMP_ARCH_S390'] },
  riscv64: { native: 'SCMP_ARCH_RISCV64', compatible: [] },
};

const words = (text: string) => text.split(/\s+/).filter(Boolean);

export interface SeccompRequest {
  readonly capabilities: readonly string[];
  /** Node's name of the machine's architecture. */
  readonly arch: string;
  /**
   * Whether programs of the older architecture may run. Only for images that are built for it: the second set of system
   * calls is one more way into the kernel, and to compile a filter for both takes 15 to 20 ms more of each start.
   */
  readonly allowCompatible: boolean;
}

export function defaultSeccomp({ capabilities, arch, allowCompatible }: SeccompRequest): OciSeccomp {
  const names = new Set(words(alwaysAllowed));
  for (const [capability, calls] of Object.entries(allowedWith)) {
    if (capabilities.includes(capability)) for (const call of words(calls)) names.add(call);
  }
  const syscalls: OciSyscall[] = [
    { names: [...names], action: 'SCMP_ACT_ALLOW' },
    ...personalities.map((value) => ({
      names: ['personality'],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
    })),
    { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: AF_VSOCK, op: 'SCMP_CMP_NE' }] },
  ];
  if (!names.has('clone')) syscalls.push(...plainCloneOnly(arch));
  const known = archs[arch];
  const architectures = known && [known.native, ...(allowCompatible ? known.compatible : [])];
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    ...(architectures && { architectures }),
    syscalls,
  };
}

/** clone3 keeps its flags in memory, where a filter cannot look: ENOSYS makes the C libraries use clone instead. */
function plainCloneOnly(arch: string): OciSyscall[] {
  const index = arch === 's390x' ? 1 : 0;
  const flags = { index, value: cloneNamespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' };
  return [
    { names: ['clone'], action: 'SCMP_ACT_ALLOW', args: [flags] },
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
  ];
}
