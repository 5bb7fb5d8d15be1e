/**
 * Kinds that the platform brings along: their definitions are applied at each start under a field manager of their own, so what
 * others added to them stays, and a start that finds them as they should be writes nothing. Several servers of one store may do so at once.
 */
import { isStatus } from '@slipway/api/status-error';
import type { ResourcePath, Transport } from '@slipway/api/transport';
import type { KubeObject } from '@slipway/api/types';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { CustomResourceDefinition } from '../custom-resources/definition/definition.ts';
import type { ServedKinds } from '../registry/kinds.ts';

export interface OwnKinds {
  /** CustomResourceDefinitions. */
  readonly definitions: readonly KubeObject[];
  /** Made where they are missing, once the kinds are served. */
  readonly objects: readonly { readonly path: ResourcePath; readonly object: KubeObject }[];
}

export interface InstallDeps {
  readonly transport: Transport;
  readonly kinds: ServedKinds;
  readonly clock: Clock;
  readonly log: Logger;
}

const definitionsPath = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
} as const;
const fieldManager = 'slipway-crds';
/** Only ours are brought up to date. What belongs to somebody else's group stays as they have installed it. */
const ownGroupEnd = '.slipway.dev';
/** Another server of the same storage may apply the same at the same time. */
const triesMax = 5;
/** A name that another definition holds is never accepted: then the server starts without that kind. */
const establishedMsMax = 10_000;

export async function installKinds(own: OwnKinds, deps: InstallDeps, signal: AbortSignal): Promise<void> {
  await Promise.all(own.definitions.map((definition) => applyDefinition(definition, deps.transport, signal)));
  const wanted = own.definitions as readonly CustomResourceDefinition[];
  const missing = await unserved(wanted, deps, signal);
  for (const { metadata } of missing) {
    const definition = await read(metadata.name ?? '', deps.transport, signal);
    const problem = definition?.status?.conditions?.find(({ status }) => status === 'False');
    deps.log.warn({ definition: metadata.name, problem: problem?.message }, 'kind not served');
  }
  await Promise.all(own.objects.map(({ path, object }) => ensureObject(path, object, deps, signal)));
}

async function applyDefinition(body: KubeObject, transport: Transport, signal: AbortSignal): Promise<void> {
  const { name = '' } = body.metadata;
  const options = { fieldManager, force: true };
  const path = { ...definitionsPath, name };
  for (let tries = 1; ; tries++) {
    try {
      if (await isOthers(body as CustomResourceDefinition, transport, signal)) return;
      await transport.send({ verb: 'patch', patchType: 'apply', path, body, options }, signal);
      return;
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists', 'Conflict') || tries === triesMax) throw error;
    }
  }
}

async function isOthers(
  { metadata, spec }: CustomResourceDefinition,
  transport: Transport,
  signal: AbortSignal,
): Promise<boolean> {
  if (spec.group.endsWith(ownGroupEnd)) return false;
  const found = await read(metadata.name ?? '', transport, signal);
  return found !== undefined && !found.metadata.managedFields?.some(({ manager }) => manager === fieldManager);
}

async function read(name: string, transport: Transport, signal: AbortSignal) {
  try {
    const path = { ...definitionsPath, name };
    return (await transport.send({ verb: 'get', path }, signal)) as CustomResourceDefinition;
  } catch (error) {
    if (isStatus(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** Waits until all of them are served; the ones that are not after a while. */
async function unserved(
  wanted: readonly CustomResourceDefinition[],
  { kinds, clock }: InstallDeps,
  signal: AbortSignal,
): Promise<readonly CustomResourceDefinition[]> {
  const missing = () => wanted.filter((definition) => !isServedIn(kinds, definition));
  if (missing().length === 0) return [];
  const done = Promise.withResolvers<void>();
  const stopListening = kinds.onChange(() => {
    if (missing().length === 0) done.resolve();
  });
  const stopWaiting = clock.after(establishedMsMax, () => done.resolve());
  signal.addEventListener('abort', () => done.resolve(), { once: true });
  await done.promise;
  stopListening();
  stopWaiting();
  signal.throwIfAborted();
  return missing();
}

function isServedIn(kinds: ServedKinds, { spec: { group, names, versions } }: CustomResourceDefinition): boolean {
  return versions.every(
    ({ name, served }) => !served || kinds.find({ group, version: name, resource: names.plural }) !== undefined,
  );
}

async function ensureObject(path: ResourcePath, body: KubeObject, deps: InstallDeps, signal: AbortSignal) {
  if (!deps.kinds.find(path)) return; // the warning has been said
  const name = body.metadata.name ?? '';
  try {
    await deps.transport.send({ verb: 'get', path: { ...path, name } }, signal);
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
    await deps.transport.send({ verb: 'create', path, body }, signal).catch((failed: unknown) => {
      if (!isStatus(failed, 'AlreadyExists')) throw failed;
    });
  }
}
