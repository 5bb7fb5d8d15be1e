import { compileNodeSelector } from '@slipway/api/node-selector';
import { parseQuantity, quantityMilliValue, quantityValue } from '@slipway/api/quantity';
import type { Pod } from '@slipway/api/types';
import { podRequestTotals } from './container-resources.ts';
import type { NodeFacts } from './pod-deps.ts';
import { isTerminalPhase } from './pod-containers.ts';
import { portMappings } from './sandbox-config.ts';

export interface Rejection {
  readonly reason: string;
  readonly message: string;
}

/**
 * The node's own last check, for pods that nobody scheduled or that raced with others: undefined when the pod may run.
 * Pure. `others` are the pods that the node has taken already.
 */
export function admitPod(pod: Pod, others: readonly Pod[], node: NodeFacts): Rejection | undefined {
  const active = others.filter((other) => !isTerminalPhase(other.status?.phase));
  return forbiddenSysctl(pod) ?? wrongNode(pod, node) ?? portTaken(pod, active) ?? tooLarge(pod, active, node);
}

/** Sysctls that are bound to the pod's namespaces and cannot harm the node. */
const safeSysctls: ReadonlySet<string> = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
]);

function forbiddenSysctl(pod: Pod): Rejection | undefined {
  const forbidden = pod.spec.securityContext?.sysctls?.find(({ name }) => !safeSysctls.has(name));
  return forbidden && { reason: 'SysctlForbidden', message: `forbidden sysctl: "${forbidden.name}" not allowlisted` };
}

function wrongNode(pod: Pod, node: NodeFacts): Rejection | undefined {
  const selected = Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => node.labels[key] === value);
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (selected && (!terms || compileNodeSelector(terms)(node))) return undefined;
  const message = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
  return { reason: 'NodeAffinity', message };
}

function portTaken(pod: Pod, others: readonly Pod[]): Rejection | undefined {
  const wanted = hostPorts(pod);
  if (wanted.length === 0) return undefined;
  const taken = others.flatMap(hostPorts);
  const conflict = wanted.some((port) =>
    taken.some(
      (other) =>
        other.port === port.port &&
        other.protocol === port.protocol &&
        (other.ip === port.ip || isAnyAddress(other.ip) || isAnyAddress(port.ip)),
    ),
  );
  if (!conflict) return undefined;
  const message = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
  return { reason: 'NodePorts', message };
}

function isAnyAddress(ip: string): boolean {
  return ip === '' || ip === '0.0.0.0' || ip === '::';
}

function hostPorts(pod: Pod): { ip: string; port: number; protocol: string }[] {
  if (!pod.spec.hostNetwork) {
    return portMappings(pod).map(({ hostIp, hostPort, protocol }) => ({ ip: hostIp, port: hostPort, protocol }));
  }
  return pod.spec.containers.flatMap(({ ports = [] }) =>
    ports.map(({ containerPort, protocol = 'TCP' }) => ({ ip: '', port: containerPort, protocol })),
  );
}

function tooLarge(pod: Pod, others: readonly Pod[], { allocatable }: NodeFacts): Rejection | undefined {
  const own = podRequestTotals(pod);
  const used = others
    .map(podRequestTotals)
    .reduce(
      (sum, each) => ({ cpuMilli: sum.cpuMilli + each.cpuMilli, memoryBytes: sum.memoryBytes + each.memoryBytes }),
      { cpuMilli: 0, memoryBytes: 0 },
    );
  const capacity = (name: string) => parseQuantity(allocatable[name] ?? '0');
  const checks = [
    { name: 'pods', requested: 1, used: others.length, capacity: Number(quantityValue(capacity('pods'))) },
    {
      name: 'cpu',
      requested: own.cpuMilli,
      used: used.cpuMilli,
      capacity: Number(quantityMilliValue(capacity('cpu'))),
    },
    {
      name: 'memory',
      requested: own.memoryBytes,
      used: used.memoryBytes,
      capacity: Number(quantityValue(capacity('memory'))),
    },
  ];
  const short = checks.find((check) => check.requested > 0 && check.used + check.requested > check.capacity);
  if (!short) return undefined;
  const { name, requested } = short;
  const amounts = `requested: ${requested}, used: ${short.used}, capacity: ${short.capacity}`;
  return { reason: `OutOf${name}`, message: `Node didn't have enough resource: ${name}, ${amounts}` };
}
