/** From CRI's words to an OCI runtime's config.json. Pure: all that must be read from the machine is handed in. */
import { posix } from 'node:path';
import { type ContainerConfig, type LinuxContainerResources, type Mount, RuntimeError } from '../../cri.ts';
import { planCapabilities } from './capabilities.ts';
import { defaultSeccomp } from './default-seccomp.ts';
import type { ImageConfig } from '../image-rootfs.ts';
import type { OciDevice, OciMount, OciResources, OciSeccomp, OciSpec, OciUser } from './oci-spec.ts';

export interface HostFacts {
  /** Node's name of the architecture. */
  readonly arch: string;
  readonly cgroupVersion: 'v1' | 'hybrid' | 'v2';
  readonly capabilities: readonly string[];
  /** A lower oom_score_adj than this cannot be set here; -1000 where everything can. */
  readonly oomScoreAdjMin: number;
}

export interface SpecRequest {
  readonly containerId: string;
  readonly config: ContainerConfig;
  readonly image: ImageConfig;
  /** The image is built for the 32 bit sister of this machine's architecture. */
  readonly image32Bit: boolean;
  readonly user: OciUser;
  readonly host: HostFacts;
  readonly rootfsPath: string;
  readonly cgroupsPath: string;
  readonly hostname: string;
  /** Paths of namespaces to join; a kind that is absent is the host's. `pid` absent with `ownPid` = a new one. */
  readonly namespaces: { readonly net?: string; readonly ipc?: string; readonly uts?: string; readonly pid?: string };
  readonly ownPid: boolean;
  /** Files of the sandbox, mounted unless the configuration mounts something there. */
  readonly sandboxMounts: readonly Mount[];
  readonly shmPath: string;
  readonly devices: readonly (OciDevice & { readonly permissions: string })[];
  /** The profile when seccomp is Localhost. */
  readonly localhostSeccomp?: OciSeccomp;
  readonly annotations: Readonly<Record<string, string>>;
}

const maskedPathsDefault = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

const readonlyPathsDefault = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

const pathDefault = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function buildContainerSpec(request: SpecRequest): OciSpec {
  const { config, host, user } = request;
  const security = config.linux.securityContext;
  const privileged = security.privileged ?? false;
  const capabilities = planCapabilities({
    capability: security.capabilities,
    privileged,
    available: host.capabilities,
  });
  const oomScoreAdj = config.linux.resources.oomScoreAdj;
  const seccomp = seccompOf(request, capabilities.bounding);
  const rootfsPropagation = rootfsPropagationOf(config.mounts);
  const rlimits = rlimitsOf(config);
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: config.tty,
      user,
      args: containerArgs(config, request.image),
      env: containerEnv(request),
      cwd: config.workingDir || request.image.WorkingDir || '/',
      capabilities,
      noNewPrivileges: security.noNewPrivs ?? false,
      ...(oomScoreAdj !== undefined && { oomScoreAdj: Math.max(oomScoreAdj, host.oomScoreAdjMin) }),
      ...(rlimits.length > 0 && { rlimits }),
    },
    root: { path: request.rootfsPath, readonly: security.readonlyRootfs ?? false },
    mounts: containerMounts(request, privileged),
    annotations: request.annotations,
    linux: {
      cgroupsPath: request.cgroupsPath,
      namespaces: namespacesOf(request, privileged),
      resources: resourcesOf(request, privileged),
      devices: request.devices.map(({ permissions: _, ...device }) => device),
      maskedPaths: privileged ? [] : (security.maskedPaths ?? maskedPathsDefault),
      readonlyPaths: privileged ? [] : (security.readonlyPaths ?? readonlyPathsDefault),
      ...(rootfsPropagation && { rootfsPropagation }),
      ...(seccomp && { seccomp }),
    },
  };
}

/** CRI's rule: a command drops the image's CMD, args alone keep the image's ENTRYPOINT. */
export function containerArgs(
  config: Pick<ContainerConfig, 'command' | 'args'>,
  image: Pick<ImageConfig, 'Entrypoint' | 'Cmd'>,
): string[] {
  const hasCommand = config.command.length > 0;
  const command = hasCommand ? config.command : (image.Entrypoint ?? []);
  const args = hasCommand || config.args.length > 0 ? config.args : (image.Cmd ?? []);
  const all = [...command, ...args];
  if (all.length === 0) throw new RuntimeError('invalidArgument', 'no command specified');
  return all;
}

function containerEnv({ config, image, hostname }: SpecRequest): string[] {
  const env = new Map<string, string>();
  const set = (pair: string) => env.set(pair.split('=', 1)[0] as string, pair);
  set(pathDefault);
  set(`HOSTNAME=${hostname}`);
  if (config.tty) set('TERM=xterm');
  for (const pair of image.Env ?? []) set(pair);
  for (const { key, value } of config.envs) set(`${key}=${value}`);
  return [...env.values()];
}

function rlimitsOf({ linux }: ContainerConfig) {
  return (linux.beyondCri?.rlimits ?? []).map(({ name, soft, hard }) => ({
    type: `RLIMIT_${name.toUpperCase()}`,
    soft,
    hard,
  }));
}

function namespacesOf({ config, namespaces, ownPid, host }: SpecRequest, privileged: boolean) {
  const { network, ipc } = config.linux.securityContext.namespaceOptions;
  const joined = (type: string, path: string | undefined) => (path ? [{ type, path }] : []);
  return [
    { type: 'mount' },
    ...(namespaces.pid ? joined('pid', namespaces.pid) : ownPid ? [{ type: 'pid' }] : []),
    ...(network === 'CONTAINER' ? [{ type: 'network' }] : joined('network', namespaces.net)),
    ...(ipc === 'CONTAINER' ? [{ type: 'ipc' }] : joined('ipc', namespaces.ipc)),
    ...joined('uts', namespaces.uts),
    ...(host.cgroupVersion === 'v2' && !privileged ? [{ type: 'cgroup' }] : []),
  ];
}

function containerMounts(request: SpecRequest, privileged: boolean): OciMount[] {
  const { config } = request;
  const sysMode = privileged ? 'rw' : 'ro';
  const system: OciMount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', sysMode] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', sysMode],
    },
    config.linux.securityContext.namespaceOptions.ipc === 'CONTAINER'
      ? ownSharedMemory
      : bindMount({ containerPath: '/dev/shm', hostPath: request.shmPath, readonly: false }),
  ];
  const inMemory = (config.linux.beyondCri?.tmpfs ?? []).map(tmpfsMount);
  const asked = config.mounts.map((mount) => ({ ...mount, containerPath: posix.normalize(mount.containerPath) }));
  const taken = new Set(
    [...asked.map(({ containerPath }) => containerPath), ...destinationsOf(inMemory)].map(trimSlash),
  );
  const sandbox = request.sandboxMounts.filter((mount) => !taken.has(mount.containerPath));
  return [
    ...system.filter((mount) => !taken.has(mount.destination)),
    // A parent directory before what lies in it, else it would hide that.
    ...[...[...sandbox, ...asked].map(bindMount), ...inMemory].sort(
      (a, b) => depth(a.destination) - depth(b.destination),
    ),
  ];
}

const ownSharedMemory: OciMount = {
  destination: '/dev/shm',
  type: 'tmpfs',
  source: 'shm',
  options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
};

function tmpfsMount({ containerPath, options }: { containerPath: string; options: readonly string[] }): OciMount {
  return { destination: posix.normalize(containerPath), type: 'tmpfs', source: 'tmpfs', options };
}

const destinationsOf = (mounts: readonly OciMount[]) => mounts.map(({ destination }) => destination);

const trimSlash = (path: string) => (path.length > 1 ? path.replace(/\/$/, '') : path);
const depth = (path: string) => trimSlash(path).split('/').length;

const propagationOptions = {
  PROPAGATION_PRIVATE: 'rprivate',
  PROPAGATION_HOST_TO_CONTAINER: 'rslave',
  PROPAGATION_BIDIRECTIONAL: 'rshared',
} as const;

function bindMount({ containerPath, hostPath, readonly, propagation = 'PROPAGATION_PRIVATE' }: Mount): OciMount {
  const options = ['rbind', propagationOptions[propagation], readonly ? 'ro' : 'rw'];
  return { destination: containerPath, type: 'bind', source: hostPath, options };
}

function rootfsPropagationOf(mounts: readonly Mount[]): string | undefined {
  if (mounts.some((mount) => mount.propagation === 'PROPAGATION_BIDIRECTIONAL')) return 'rshared';
  if (mounts.some((mount) => mount.propagation === 'PROPAGATION_HOST_TO_CONTAINER')) return 'rslave';
  return undefined;
}

function resourcesOf(request: SpecRequest, privileged: boolean): OciResources {
  const rules = request.devices.map(({ type, major, minor, permissions }) => ({
    allow: true,
    type: type === 'b' ? ('b' as const) : ('c' as const),
    major,
    minor,
    access: permissions,
  }));
  const devices = privileged ? [{ allow: true, access: 'rwm' }] : [{ allow: false, access: 'rwm' }, ...rules];
  return { devices, ...ociResources(request.config.linux.resources, request.host.cgroupVersion) };
}

/** The resources of CRI in the words of OCI. Swap is kept at the memory limit unless asked for, as the kubelet does. */
export function ociResources(
  resources: LinuxContainerResources,
  cgroupVersion: 'v1' | 'hybrid' | 'v2',
): Omit<OciResources, 'devices'> {
  const { cpuShares, cpuQuota, cpuPeriod, cpusetCpus, cpusetMems } = resources;
  const { memoryLimitInBytes: limit, memorySwapLimitInBytes: swap, pidsLimit, hugepageLimits, unified } = resources;
  return {
    cpu: {
      ...(cpuShares && { shares: cpuShares }),
      ...(cpuQuota && { quota: cpuQuota }),
      ...(cpuPeriod && { period: cpuPeriod }),
      ...(cpusetCpus && { cpus: cpusetCpus }),
      ...(cpusetMems && { mems: cpusetMems }),
    },
    memory: { ...(limit && { limit }), ...(swap && { swap }) },
    ...(pidsLimit && { pids: { limit: pidsLimit } }),
    ...(hugepageLimits?.length && { hugepageLimits }),
    ...(unified && cgroupVersion === 'v2' && { unified }),
  };
}

function seccompOf(request: SpecRequest, capabilities: readonly string[]): OciSeccomp | undefined {
  const { privileged, seccomp } = request.config.linux.securityContext;
  if (privileged || seccomp?.profileType === 'Unconfined') return undefined;
  if (seccomp?.profileType === 'Localhost') return request.localhostSeccomp;
  const { arch } = request.host;
  return defaultSeccomp({ capabilities, arch, allowCompatible: request.image32Bit });
}
