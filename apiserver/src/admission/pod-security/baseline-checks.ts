/** The level `baseline`: nothing that is known to lead out of the container. Source: the Pod Security Standards of Kubernetes 1.36. */
import type { LifecycleHandler } from '@slipway/api/types';
import {
  badSetters,
  type Check,
  type CheckPod,
  containersNamed,
  containersOf,
  hasOwnUsers,
  plural,
  quoted,
  sortedSet,
  verb,
} from './check.ts';
import { devices, ulimits } from './container-terms-checks.ts';

const appArmorAnnotation = 'container.apparmor.security.beta.kubernetes.io/';

const appArmorProfile: CheckPod = ({ metadata, spec }) => {
  const values: string[] = [];
  const setters = badSetters(spec, ({ appArmorProfile: profile }) => {
    if (!profile || profile.type === 'RuntimeDefault' || profile.type === 'Localhost') return false;
    values.push(profile.type);
    return true;
  });
  const annotations = Object.entries(metadata.annotations ?? {})
    .filter(([name, value]) => name.startsWith(appArmorAnnotation) && !isAllowedAppArmor(value))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .sort();
  const bad = [...sortedSet(values), ...annotations];
  if (bad.length === 0) return undefined;
  const who = [...(setters ? [setters] : []), ...(annotations.length > 0 ? [plural('annotation', annotations)] : [])];
  return {
    reason: plural('forbidden AppArmor profile', bad),
    detail: `${who.join(' and ')} must not set AppArmor profile type to ${quoted(bad)}`,
  };
};

function isAllowedAppArmor(value: string): boolean {
  return value === '' || value === 'runtime/default' || value.startsWith('localhost/');
}

const allowedCapabilities = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

const capabilities: CheckPod = ({ spec }) => {
  const found = addedCapabilities(spec, (name) => allowedCapabilities.has(name));
  return found === undefined ? undefined : { reason: 'non-default capabilities', detail: found };
};

/** `container "a" must not include "NET_RAW" in securityContext.capabilities.add`. */
export function addedCapabilities(
  spec: Parameters<typeof containersOf>[0],
  isAllowed: (name: string) => boolean,
): string | undefined {
  const names: string[] = [];
  const bad: string[] = [];
  for (const { name, securityContext } of containersOf(spec)) {
    const added = (securityContext?.capabilities?.add ?? []).filter((each) => !isAllowed(each));
    if (added.length === 0) continue;
    names.push(name);
    bad.push(...added);
  }
  if (names.length === 0) return undefined;
  return `${containersNamed(names)} must not include ${quoted(sortedSet(bad))} in securityContext.capabilities.add`;
}

const hostNamespaces: CheckPod = ({ spec }) => {
  const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => spec[field]);
  if (shared.length === 0) return undefined;
  return { reason: 'host namespaces', detail: shared.map((field) => `${field}=true`).join(', ') };
};

const hostPathVolumes: CheckPod = ({ spec }) => {
  const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath).map(({ name }) => name);
  if (names.length === 0) return undefined;
  return { reason: 'hostPath volumes', detail: `${plural('volume', names)} ${quoted(names)}` };
};

const hostPorts: CheckPod = ({ spec }) => {
  const using = containersOf(spec).filter(({ ports }) => ports?.some(({ hostPort }) => hostPort));
  if (using.length === 0) return undefined;
  const names = using.map(({ name }) => name);
  const ports = sortedSet(
    using.flatMap(({ ports: all }) => (all ?? []).flatMap(({ hostPort }) => (hostPort ? [String(hostPort)] : []))),
  );
  return {
    reason: 'hostPort',
    detail: `${containersNamed(names)} ${verb(names)} ${plural('hostPort', ports)} ${ports.join(', ')}`,
  };
};

const hostProbesAndHostLifecycle: CheckPod = ({ spec }) => {
  const names: string[] = [];
  const hosts: string[] = [];
  for (const container of containersOf(spec)) {
    const { livenessProbe, readinessProbe, startupProbe, lifecycle, name } = container;
    const handlers = [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop];
    const found = handlers.flatMap((handler) => hostsOf(handler));
    if (found.length === 0) continue;
    names.push(name);
    hosts.push(...found);
  }
  if (names.length === 0) return undefined;
  const unique = sortedSet(hosts);
  return {
    reason: 'probe or lifecycle host',
    detail: `${containersNamed(names)} ${verb(names)} ${plural('probe or lifecycle host', unique)} ${quoted(unique)}`,
  };
};

function hostsOf(handler: Pick<LifecycleHandler, 'httpGet' | 'tcpSocket'> | undefined): string[] {
  return [handler?.httpGet?.host, handler?.tcpSocket?.host].flatMap((host) => host || []);
}

const privileged: CheckPod = ({ spec }) => {
  const names = containersOf(spec)
    .filter(({ securityContext }) => securityContext?.privileged)
    .map(({ name }) => name);
  if (names.length === 0) return undefined;
  return { reason: 'privileged', detail: `${containersNamed(names)} must not set securityContext.privileged=true` };
};

export const procMount: CheckPod = ({ spec }) => {
  const bad = containersOf(spec).filter(
    ({ securityContext }) => (securityContext?.procMount || 'Default') !== 'Default',
  );
  if (bad.length === 0) return undefined;
  const values = sortedSet(bad.map(({ securityContext }) => securityContext?.procMount ?? ''));
  return {
    reason: 'procMount',
    detail: `${containersNamed(bad.map(({ name }) => name))} must not set securityContext.procMount to ${quoted(values)}`,
  };
};

const seLinuxTypes = ['', 'container_t', 'container_init_t', 'container_kvm_t'];

const seLinuxOptions =
  (allowed: readonly string[]): CheckPod =>
  ({ spec }) => {
    const types: string[] = [];
    let setsUser = false;
    let setsRole = false;
    const setters = badSetters(spec, ({ seLinuxOptions: options }) => {
      if (!options) return false;
      const { type = '', user, role } = options;
      if (!allowed.includes(type)) types.push(type);
      if (user) setsUser = true;
      if (role) setsRole = true;
      return !allowed.includes(type) || Boolean(user) || Boolean(role);
    });
    if (!setters) return undefined;
    const unique = sortedSet(types);
    const bad = [
      ...(unique.length > 0 ? [`${plural('type', unique)} ${quoted(unique)}`] : []),
      ...(setsUser ? ['user may not be set'] : []),
      ...(setsRole ? ['role may not be set'] : []),
    ];
    return {
      reason: 'seLinuxOptions',
      detail: `${setters} set forbidden securityContext.seLinuxOptions: ${bad.join('; ')}`,
    };
  };

const seccompOfPod = 'seccomp.security.alpha.kubernetes.io/pod';
const seccompOfContainer = 'container.seccomp.security.alpha.kubernetes.io/';

/** Before the field there were annotations. */
const seccompAnnotations: CheckPod = ({ metadata, spec }) => {
  const names = [seccompOfPod, ...containersOf(spec).map(({ name }) => `${seccompOfContainer}${name}`)];
  const bad = names.flatMap((name) => {
    const value = metadata.annotations?.[name];
    return value === undefined || isAllowedSeccomp(value) ? [] : [`${name}=${JSON.stringify(value)}`];
  });
  if (bad.length === 0) return undefined;
  const unique = sortedSet(bad);
  return { reason: 'seccompProfile', detail: `forbidden ${plural('annotation', unique)} ${unique.join(', ')}` };
};

function isAllowedSeccomp(value: string): boolean {
  return value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/');
}

export const seccompProfile: CheckPod = ({ spec }) => {
  const values: string[] = [];
  const setters = badSetters(spec, ({ seccompProfile: profile }) => {
    if (!profile || profile.type === 'RuntimeDefault' || profile.type === 'Localhost') return false;
    values.push(profile.type);
    return true;
  });
  if (!setters) return undefined;
  return {
    reason: 'seccompProfile',
    detail: `${setters} must not set securityContext.seccompProfile.type to ${quoted(sortedSet(values))}`,
  };
};

const sysctls = (...allowed: readonly (readonly string[])[]): CheckPod => {
  const names = new Set(allowed.flat());
  return ({ spec }) => {
    const bad = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !names.has(name));
    return bad.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: bad.join(', ') };
  };
};

const firstSysctls = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
];
const reservedPorts = ['net.ipv4.ip_local_reserved_ports'];
const tcpTimes = [
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
];
const tcpBuffers = ['net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'];

const windowsHostProcess: CheckPod = ({ spec }) => {
  const setters = badSetters(spec, ({ windowsOptions }) => windowsOptions?.hostProcess === true);
  if (!setters) return undefined;
  return { reason: 'hostProcess', detail: `${setters} must not set securityContext.windowsOptions.hostProcess=true` };
};

const baseline = (id: string, ...versions: Check['versions']): Check => ({ id, level: 'baseline', versions });

export const baselineChecks: readonly Check[] = [
  baseline('appArmorProfile', { since: 0, check: appArmorProfile }),
  baseline('capabilities_baseline', { since: 0, check: capabilities }),
  baseline('hostDevices', { since: 0, check: devices }),
  baseline('hostNamespaces', { since: 0, check: hostNamespaces }),
  baseline('hostPathVolumes', { since: 0, check: hostPathVolumes }),
  baseline('hostPorts', { since: 0, check: hostPorts }),
  baseline('hostProbesAndHostLifecycle', { since: 34, check: hostProbesAndHostLifecycle }),
  baseline('privileged', { since: 0, check: privileged }),
  baseline(
    'procMount',
    { since: 0, check: procMount },
    { since: 35, check: (pod) => (hasOwnUsers(pod.spec) ? undefined : procMount(pod)) },
  ),
  baseline(
    'seLinuxOptions',
    { since: 0, check: seLinuxOptions(seLinuxTypes) },
    { since: 31, check: seLinuxOptions([...seLinuxTypes, 'container_engine_t']) },
  ),
  baseline('seccompProfile_baseline', { since: 0, check: seccompAnnotations }, { since: 19, check: seccompProfile }),
  baseline(
    'sysctls',
    { since: 0, check: sysctls(firstSysctls) },
    { since: 27, check: sysctls(firstSysctls, reservedPorts) },
    { since: 29, check: sysctls(firstSysctls, reservedPorts, tcpTimes) },
    { since: 32, check: sysctls(firstSysctls, reservedPorts, tcpTimes, tcpBuffers) },
  ),
  baseline('ulimits', { since: 0, check: ulimits }),
  baseline('windowsHostProcess', { since: 0, check: windowsHostProcess }),
];
