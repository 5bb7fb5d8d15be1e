import { isDeepStrictEqual } from 'node:util';
import type { PodCondition, PodStatus } from '@slipway/api/types';

/** Plain JSON: what is undefined is left out. */
export function plainStatus(status: PodStatus): PodStatus {
  return JSON.parse(JSON.stringify(status)) as PodStatus;
}

export function isSameStatus(a: PodStatus | undefined, b: PodStatus): boolean {
  return a !== undefined && isDeepStrictEqual(plainStatus(a), plainStatus(b));
}

/** True when somebody else has given the pod another phase, or turned one of our conditions. Wording and times do not count. */
export function contradicts(shown: PodStatus, told: PodStatus): boolean {
  if (shown.phase !== told.phase) return true;
  const shownStatus = new Map((shown.conditions ?? []).map(({ type, status }) => [type, status]));
  return (told.conditions ?? []).some(({ type, status }) => shownStatus.get(type) !== status);
}

/**
 * The strategic merge patch that brings what the server has to `next`. Conditions merge by type, so that those of
 * others stay; only fields that differ travel; fields that went away are set to null. Pure.
 */
export function statusPatch(uid: string, before: PodStatus | undefined, next: PodStatus): object {
  const from = plainStatus(before ?? {}) as Record<string, unknown>;
  const to = plainStatus(next) as Record<string, unknown>;
  const status: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(to)) {
    if (!isDeepStrictEqual(from[field], value)) status[field] = value;
  }
  for (const field of Object.keys(from)) if (!(field in to) && isOurs(field)) status[field] = null;
  if (status.conditions) status.conditions = conditionsPatch(before?.conditions ?? [], next.conditions ?? []);
  // Lists that merge by address keep old entries unless they are told to be replaced.
  for (const field of ['podIPs', 'hostIPs']) {
    const list = status[field];
    if (Array.isArray(list) && Array.isArray(from[field])) status[field] = [...list, { $patch: 'replace' }];
  }
  return { metadata: { uid }, status };
}

/** Only those that differ. They merge field by field, so what a condition no longer says has to be taken back. */
function conditionsPatch(before: readonly PodCondition[], next: readonly PodCondition[]): object[] {
  return next.flatMap((condition) => {
    const old = before.find(({ type }) => type === condition.type);
    if (isDeepStrictEqual(old, condition)) return [];
    const gone = Object.keys(old ?? {}).filter((field) => !(field in condition));
    return [{ ...condition, ...Object.fromEntries(gone.map((field) => [field, null])) }];
  });
}

/** Fields that other components write stay untouched. */
function isOurs(field: string): boolean {
  return !['nominatedNodeName', 'qosClass', 'resize', 'resourceClaimStatuses', 'ephemeralContainerStatuses'].includes(
    field,
  );
}

/**
 * Nothing anybody waits for: a pod whose containers are being made. It is worth telling only when it lasts, because
 * most pods run a moment later and are then told once.
 */
export function isPreliminary(status: PodStatus): boolean {
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return (
    status.phase === 'Pending' &&
    all.every(({ state, restartCount }) => {
      const reason = state?.waiting?.reason;
      return restartCount === 0 && (reason === 'ContainerCreating' || reason === 'PodInitializing');
    })
  );
}
