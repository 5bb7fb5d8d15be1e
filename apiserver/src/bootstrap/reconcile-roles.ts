/**
 * Brings the stored roles and bindings up to what this version of the server needs. What is missing is added; what somebody added stays,
 * and objects that say `rbac.authorization.kubernetes.io/autoupdate: "false"` are left alone. As upstream does at each start.
 */
import { isStatus } from '@slipway/api/status-error';
import type { ResourcePath, Transport } from '@slipway/api/transport';
import type { ClusterRole, ClusterRoleBinding, KubeList, KubeObject, PolicyRule, Subject } from '@slipway/api/types';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import { rulesCover } from '../authz/rule-match.ts';
import { rbacGroup } from '../authz/rbac.ts';
import { autoUpdateAnnotation, bootstrapBindings, bootstrapRoles } from './policy/bootstrap-policy.ts';

const resources: Readonly<Record<string, string>> = {
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  Role: 'roles',
  RoleBinding: 'rolebindings',
};

/** Another server of the same storage may do the same at the same time: each object is tried this often. */
const triesMax = 5;

export async function reconcileRoles(transport: Transport, signal: AbortSignal): Promise<void> {
  const wanted = [...bootstrapRoles(), ...bootstrapBindings()];
  const stored = await storedObjects(transport, signal);
  // Roles first: a binding must not come to a role that is not there.
  for (const isBinding of [false, true]) {
    const objects = wanted.filter(({ kind }) => kind?.endsWith('Binding') === isBinding);
    await Promise.all(objects.map((object) => reconcile(object, stored.get(keyOf(object)), transport, signal)));
  }
}

async function storedObjects(transport: Transport, signal: AbortSignal): Promise<ReadonlyMap<string, KubeObject>> {
  const lists = await Promise.all(
    Object.entries(resources).map(async ([kind, resource]) => {
      const path = { group: rbacGroup, version: 'v1', resource };
      const { items } = (await transport.send({ verb: 'list', path }, signal)) as KubeList;
      return items.map((object) => [`${kind}/${placeOf(object)}`, object] as const);
    }),
  );
  return new Map(lists.flat());
}

function keyOf(object: KubeObject): string {
  return `${object.kind}/${placeOf(object)}`;
}

function placeOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

async function reconcile(
  wanted: KubeObject,
  found: KubeObject | undefined,
  transport: Transport,
  signal: AbortSignal,
): Promise<void> {
  const { name = '', namespace } = wanted.metadata;
  const collection: ResourcePath = {
    group: rbacGroup,
    version: 'v1',
    resource: resources[wanted.kind ?? ''] ?? '',
    ...(namespace ? { namespace } : {}),
  };
  const path = { ...collection, name };
  let stored = found;
  for (let tries = 1; ; tries++) {
    try {
      await bringUp(wanted, stored, { collection, path }, transport, signal);
      return;
    } catch (error) {
      const lostRace = (['AlreadyExists', 'Conflict', 'NotFound'] as const).some((reason) => isStatus(error, reason));
      if (!lostRace || tries === triesMax) throw error;
    }
    stored = await readObject(path, transport, signal);
  }
}

async function readObject(
  path: ResourcePath,
  transport: Transport,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  try {
    return (await transport.send({ verb: 'get', path }, signal)) as KubeObject;
  } catch (error) {
    if (isStatus(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function bringUp(
  wanted: KubeObject,
  stored: KubeObject | undefined,
  { collection, path }: { readonly collection: ResourcePath; readonly path: ResourcePath },
  transport: Transport,
  signal: AbortSignal,
): Promise<void> {
  if (!stored) {
    await transport.send({ verb: 'create', path: collection, body: wanted }, signal);
    return;
  }
  if (stored.metadata.annotations?.[autoUpdateAnnotation] === 'false') return;
  if (refersElsewhere(stored, wanted)) {
    // What a binding refers to cannot be changed.
    await transport.send({ verb: 'delete', path }, signal);
    await transport.send({ verb: 'create', path: collection, body: wanted }, signal);
    return;
  }
  const completed = completedObject(stored, wanted);
  if (completed) await transport.send({ verb: 'update', path, body: completed }, signal);
}

function refersElsewhere(stored: KubeObject, wanted: KubeObject): boolean {
  return !semanticEqual((stored as ClusterRoleBinding).roleRef, (wanted as ClusterRoleBinding).roleRef);
}

/** Undefined when nothing is missing. */
export function completedObject(stored: KubeObject, wanted: KubeObject): KubeObject | undefined {
  const metadata = {
    ...stored.metadata,
    labels: { ...wanted.metadata.labels, ...stored.metadata.labels },
    annotations: { ...wanted.metadata.annotations, ...stored.metadata.annotations },
  };
  const completed = wanted.kind?.endsWith('Binding')
    ? { ...stored, metadata, ...completedSubjects(stored as ClusterRoleBinding, wanted as ClusterRoleBinding) }
    : { ...stored, metadata, ...completedRules(stored as ClusterRole, wanted as ClusterRole) };
  return semanticEqual(completed, stored) ? undefined : completed;
}

function completedRules(stored: ClusterRole, wanted: ClusterRole): Partial<ClusterRole> {
  const rules = stored.rules ?? [];
  if (!wanted.aggregationRule) {
    // Nearly always nothing has changed since the last start, and each rule stands where it stood.
    const isMissing = (rule: PolicyRule, i: number) => !semanticEqual(rules[i], rule) && !rulesCover(rules, rule);
    return { rules: [...rules, ...(wanted.rules ?? []).filter(isMissing)] };
  }
  // The rules of such a role are the aggregating controller's.
  const selectors = stored.aggregationRule?.clusterRoleSelectors ?? [];
  const missing = (wanted.aggregationRule.clusterRoleSelectors ?? []).filter(
    (selector) => !selectors.some((known) => semanticEqual(known, selector)),
  );
  return { aggregationRule: { clusterRoleSelectors: [...selectors, ...missing] } };
}

function completedSubjects(stored: ClusterRoleBinding, wanted: ClusterRoleBinding): { subjects?: Subject[] } {
  const subjects = stored.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter((subject) => !subjects.some((known) => semanticEqual(known, subject)));
  return subjects.length + missing.length === 0 ? {} : { subjects: [...subjects, ...missing] };
}
