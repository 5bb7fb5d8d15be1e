import type { Cause, CauseObject } from '@slipway/api/cause';
import type { ApiResource } from '@slipway/api/resources';
import { discoverResources } from '@slipway/client/discovery';
import type { HttpTransport } from '@slipway/client/http-transport';
import { kindFrom, pathFor } from '@slipway/client/kinds';
import { pathOf } from '@slipway/client/resource-url';
import type { RunCommand } from '../command.ts';
import { connectRemote } from '../compose/remote.ts';
import { CommandError, UsageError } from '../usage-error.ts';

/** What the API server answers; see `causes.ts` there. */
interface ObjectCauses {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly created: Write;
  readonly lastWritten: Write;
}

interface Write {
  readonly resourceVersion: string;
  readonly cause?: Cause;
}

/** A chain of causes is short; this only bounds a log that lies. */
const stepsMax = 20;

export const why: RunCommand = async ({ config, operands, clock, signal, print }) => {
  const [type = '', name = '', ...rest] = (operands[0] ?? '').split('/');
  if (operands.length !== 1 || !type || !name || rest.length > 0)
    throw new UsageError('usage: slipway why TYPE/NAME [--namespace NAME]');
  const { transport } = await connectRemote(config, clock, 'why');
  try {
    const resources = await discoverResources(transport, signal);
    let resource = findResource(resources, type);
    let object: CauseObject = {
      kind: resource.kind,
      name,
      ...(resource.namespaced ? { namespace: config.namespace } : {}),
    };
    for (let step = 0; step < stepsMax; step++) {
      const causes = await readCauses(transport, resource, object, signal);
      for (const line of describe(causes, step === 0)) print(line);
      const next = causes.created.cause?.object;
      if (!next || (next.kind === object.kind && next.name === object.name)) return;
      resource = findResource(resources, next.kind);
      object = next;
    }
  } finally {
    transport.close();
  }
};

function findResource(resources: readonly ApiResource[], type: string): ApiResource {
  const wanted = type.toLowerCase();
  const found = resources.find(
    ({ resource, singular, kind, shortNames }) =>
      resource === wanted || singular === wanted || kind.toLowerCase() === wanted || shortNames.includes(wanted),
  );
  if (!found) throw new CommandError(`why: the server doesn't have a resource type ${JSON.stringify(type)}`);
  return found;
}

function readCauses(
  transport: HttpTransport,
  resource: ApiResource,
  { namespace, name }: CauseObject,
  signal: AbortSignal,
) {
  const path = pathOf(pathFor(kindFrom(resource), { namespace, name }));
  return transport.read(`/slipway/causes${path}`, signal) as Promise<ObjectCauses>;
}

function describe({ kind, namespace, name, created, lastWritten }: ObjectCauses, isFirst: boolean): string[] {
  const lines = [
    `${kind} ${namespace ? `${namespace}/` : ''}${name}`,
    `  created at ${created.resourceVersion} ${causeText(created.cause)}`,
  ];
  const isTouched = lastWritten.resourceVersion !== created.resourceVersion;
  lines.push(...annotationLines(created.cause));
  if (isFirst && isTouched) {
    lines.push(`  last written at ${lastWritten.resourceVersion} ${causeText(lastWritten.cause)}`);
    lines.push(...annotationLines(lastWritten.cause));
  }
  return lines;
}

/** What admission policies noted about the write. */
function annotationLines(cause: Cause | undefined): string[] {
  return Object.entries(cause?.annotations ?? {}).map(([key, value]) => `    ${key}: ${value}`);
}

function causeText(cause: Cause | undefined): string {
  if (!cause) return 'by a write that the log no longer holds';
  const object = cause.object;
  const acted = object
    ? `, acting on ${object.kind} ${object.namespace ? `${object.namespace}/` : ''}${object.name}${object.resourceVersion ? ` at ${object.resourceVersion}` : ''}`
    : '';
  if (cause.controller) return `by ${cause.controller}${acted}`;
  const agent = cause.userAgent ? ` with ${cause.userAgent.split(' ')[0]}` : '';
  return `by ${cause.user ?? 'the server'} (${cause.verb ?? 'write'})${agent}`;
}
