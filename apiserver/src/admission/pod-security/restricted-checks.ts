/** The level `restricted`: what hardened pods do. It holds everything of the baseline, some of it more strictly. */
import type { PodSpec, Volume } from '@slipway/api/types';
import { addedCapabilities, procMount, seccompProfile } from './baseline-checks.ts';
import {
  badSetters,
  type Check,
  type CheckPod,
  containersNamed,
  containersOf,
  hasOwnUsers,
  isWindows,
  plural,
  quoted,
  sortedSet,
  verb,
} from './check.ts';
import { rootByName } from './container-terms-checks.ts';

const allowPrivilegeEscalation: CheckPod = ({ spec }) => {
  const names = containersOf(spec)
    .filter(({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false)
    .map(({ name }) => name);
  if (names.length === 0) return undefined;
  return {
    reason: 'allowPrivilegeEscalation != false',
    detail: `${containersNamed(names)} must set securityContext.allowPrivilegeEscalation=false`,
  };
};

const capabilities: CheckPod = ({ spec }) => {
  const keeping = containersOf(spec)
    .filter(({ securityContext }) => !securityContext?.capabilities?.drop?.includes('ALL'))
    .map(({ name }) => name);
  const added = addedCapabilities(spec, (name) => name === 'NET_BIND_SERVICE');
  const details = [
    ...(keeping.length > 0 ? [`${containersNamed(keeping)} must set securityContext.capabilities.drop=["ALL"]`] : []),
    ...(added ? [added] : []),
  ];
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') };
};

const allowedVolumeTypes = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

const restrictedVolumes: CheckPod = ({ spec }) => {
  const bad = (spec.volumes ?? []).flatMap((volume) => {
    const type = volumeTypeOf(volume);
    return allowedVolumeTypes.has(type) ? [] : [{ name: volume.name, type }];
  });
  if (bad.length === 0) return undefined;
  const names = bad.map(({ name }) => name);
  const types = sortedSet(bad.map(({ type }) => type));
  const volumes = `${plural('volume', names)} ${quoted(names)}`;
  return {
    reason: 'restricted volume types',
    detail: `${volumes} ${verb(names)} ${plural('restricted volume type', types)} ${quoted(types)}`,
  };
};

/** A volume is its name and one more field, which is called as its type. */
function volumeTypeOf(volume: Volume): string {
  const source = Object.entries(volume).find(([field, value]) => field !== 'name' && value !== undefined);
  return source?.[0] ?? 'unknown';
}

const runAsNonRoot: CheckPod = ({ spec }) => {
  const reason = 'runAsNonRoot != true';
  const setters = badSetters(spec, (context) => context.runAsNonRoot === false);
  if (setters) return { reason, detail: `${setters} must not set securityContext.runAsNonRoot=false` };
  const silent = silentContainers(spec, 'runAsNonRoot');
  if (silent.length === 0) return undefined;
  return { reason, detail: `pod or ${containersNamed(silent)} must set securityContext.runAsNonRoot=true` };
};

/** Containers that say nothing about it in a pod that says nothing either. */
function silentContainers(spec: PodSpec, field: 'runAsNonRoot' | 'seccompProfile'): string[] {
  if (spec.securityContext?.[field] !== undefined) return [];
  return containersOf(spec)
    .filter(({ securityContext }) => securityContext?.[field] === undefined)
    .map(({ name }) => name);
}

const runAsUser: CheckPod = (pod) => {
  const setters = badSetters(pod.spec, (context) => context.runAsUser === 0);
  if (setters) return { reason: 'runAsUser=0', detail: `${setters} must not set runAsUser=0` };
  const byName = rootByName(pod);
  if (byName.length === 0) return undefined;
  return { reason: 'runAsUser=0', detail: `${containersNamed(byName)} must not run as root` };
};

const seccompSet: CheckPod = (pod) => {
  const wrong = seccompProfile(pod);
  if (wrong) return wrong;
  const silent = silentContainers(pod.spec, 'seccompProfile');
  if (silent.length === 0) return undefined;
  const who = `pod or ${containersNamed(silent)}`;
  return {
    reason: 'seccompProfile',
    detail: `${who} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  };
};

const exceptWindows =
  (check: CheckPod): CheckPod =>
  (pod) =>
    isWindows(pod.spec) ? undefined : check(pod);

const exceptOwnUsers =
  (check: CheckPod): CheckPod =>
  (pod) =>
    hasOwnUsers(pod.spec) ? undefined : check(pod);

const restricted = (id: string, ...versions: Check['versions']): Check => ({ id, level: 'restricted', versions });

export const restrictedChecks: readonly Check[] = [
  restricted(
    'allowPrivilegeEscalation',
    { since: 8, check: allowPrivilegeEscalation },
    { since: 25, check: exceptWindows(allowPrivilegeEscalation) },
  ),
  {
    ...restricted(
      'capabilities_restricted',
      { since: 22, check: capabilities },
      { since: 25, check: exceptWindows(capabilities) },
    ),
    replaces: 'capabilities_baseline',
  },
  { ...restricted('procMount_restricted', { since: 35, check: procMount }), replaces: 'procMount' },
  { ...restricted('restrictedVolumes', { since: 0, check: restrictedVolumes }), replaces: 'hostPathVolumes' },
  restricted('runAsNonRoot', { since: 0, check: runAsNonRoot }, { since: 35, check: exceptOwnUsers(runAsNonRoot) }),
  restricted('runAsUser', { since: 23, check: runAsUser }, { since: 35, check: exceptOwnUsers(runAsUser) }),
  {
    ...restricted(
      'seccompProfile_restricted',
      { since: 19, check: seccompSet },
      { since: 25, check: exceptWindows(seccompSet) },
    ),
    replaces: 'seccompProfile_baseline',
  },
];
