import type { Capability } from '../../cri.ts';
import type { OciCapabilities } from './oci-spec.ts';

/** Index = the capability's number in linux/capability.h. */
const capabilityNames = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
].map((name) => `CAP_${name}`);

/** What a container gets that asks for nothing: the fourteen that Docker and containerd give. */
export const defaultCapabilities: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
].map((name) => `CAP_${name}`);

/** Names of the bits of a mask as /proc/PID/status prints it. */
export function capabilitiesFromMask(mask: string): string[] {
  const bits = BigInt(`0x${mask.trim()}`);
  return capabilityNames.filter((_, bit) => (bits >> BigInt(bit)) & 1n);
}

export interface CapabilityRequest {
  readonly capability: Capability | undefined;
  readonly privileged: boolean;
  /** What this machine lets the runtime give away; asking for more makes an OCI runtime fail. */
  readonly available: readonly string[];
}

export function planCapabilities({ capability, privileged, available }: CapabilityRequest): OciCapabilities {
  const allowed = privileged ? available : applyChanges(capability, available);
  const granted = capabilityNames.filter((name) => allowed.includes(name) && available.includes(name));
  const ambient = (capability?.addAmbientCapabilities ?? []).map(normalize).filter((name) => granted.includes(name));
  // A user other than root loses all but the ambient ones when its program is executed: the kernel sees to that.
  return { bounding: granted, effective: granted, permitted: granted, inheritable: ambient, ambient };
}

/** ALL goes first, so that `add: [ALL], drop: [X]` and `drop: [ALL], add: [X]` both mean what they say. */
function applyChanges(capability: Capability | undefined, available: readonly string[]): readonly string[] {
  const add = (capability?.addCapabilities ?? []).map(normalize);
  const drop = (capability?.dropCapabilities ?? []).map(normalize);
  let start: readonly string[] = defaultCapabilities;
  if (add.includes('CAP_ALL')) start = available;
  else if (drop.includes('CAP_ALL')) start = [];
  return [...start.filter((name) => !drop.includes(name)), ...add];
}

function normalize(name: string): string {
  const upper = name.toUpperCase();
  return upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
}
