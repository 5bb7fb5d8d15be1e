/** The verbs on objects and collections, each a few lines between the request and the registry. */
import { decodeObject } from '@slipway/api/schema/decode';
import { builtInSchemas } from '@slipway/api/schema/built-in-schemas';
import type { Cause } from '@slipway/api/cause';
import { apiVersionOf } from '@slipway/api/resources';
import { copyJson, type JsonObject } from '@slipway/api/patch/json-value';
import { isStatus, type Status, StatusError } from '@slipway/api/status-error';
import type { KubeObject } from '@slipway/api/types';
import { type FieldError, invalid, invalidError, notSupported } from '@slipway/api/validation/field-error';
import { invariant } from '@slipway/kit/invariant';
import type { Written } from '../registry/create-object.ts';
import type { Deleted } from '../registry/delete-object.ts';
import type { Endpoint } from '../registry/endpoint-rules.ts';
import type { DeleteOptions } from '../registry/finalizers.ts';
import type { ServedResource } from '../registry/kinds.ts';
import { parseVersion } from '../registry/list-objects.ts';
import { parseSelection } from '../registry/selection.ts';
import { badRequest } from '../registry/status-errors.ts';
import type { WriteCall } from '../registry/write-call.ts';
import type { Answer } from './answer.ts';
import { getComputed, listComputed } from './computed-objects.ts';
import type { Admitted, LineParts } from './request-line.ts';

export function answerObject(admitted: Admitted, parts: LineParts): Promise<Answer> {
  switch (admitted.incoming.verb) {
    case 'get':
      return getObject(admitted);
    case 'list':
      return listObjects(admitted, parts);
    case 'watch':
      return watchObjects(admitted, parts);
    case 'create':
      return createObject(admitted, parts);
    case 'update':
      return updateObject(admitted, 'main', parts);
    case 'patch':
      return patchObject(admitted, 'main', parts);
    case 'delete':
      return deleteObject(admitted, parts);
    case 'deletecollection':
      return deleteCollection(admitted, parts);
  }
}

export async function getObject({ incoming, user, served }: Admitted): Promise<Answer> {
  const { address, options, signal, warnings } = incoming;
  if (served.computed) return getComputed(served, served.computed, address.name ?? '');
  const stored = await served.store.get(address.namespace, address.name ?? '', options, { user, signal, warnings });
  return { kind: 'stored', code: 200, served, stored };
}

async function listObjects({ incoming, user, served }: Admitted, { limits }: LineParts): Promise<Answer> {
  const { address, options, signal, warnings } = incoming;
  const selection = parseSelection(served.store.strategy, options, limits.selectorCharactersMax);
  if (served.computed) return listComputed(served, served.computed, selection);
  const list = await served.store.list(address.namespace, selection, options, { user, signal, warnings });
  return { kind: 'list', served, list };
}

async function watchObjects({ incoming, user, served }: Admitted, { limits, random }: LineParts): Promise<Answer> {
  const { address, signal, warnings, options } = incoming;
  const namedOnly =
    address.name === undefined ? options : { ...options, fieldSelector: `metadata.name=${address.name}` };
  const selection = parseSelection(served.store.strategy, namedOnly, limits.selectorCharactersMax);
  // What is wrong with the request is said before the stream begins.
  if (options.resourceVersion) parseVersion(options.resourceVersion);
  const timeoutSeconds = options.timeoutSeconds || limits.watchSecondsMin * (1 + random.next());
  const query = {
    ...options,
    timeoutMs: timeoutSeconds * 1000,
    backlogBytesMax: limits.watchBacklogBytesMax,
    pace: incoming.pace,
  };
  const batches = served.store.watch(address.namespace, selection, query, { user, signal, warnings });
  return { kind: 'watch', served, batches };
}

async function createObject(admitted: Admitted, parts: LineParts): Promise<Answer> {
  const { incoming, served } = admitted;
  const draft = decodeDraft(admitted);
  const written = await served.store.create(draft, incoming.address.namespace, writeCall(admitted, parts));
  return answerWritten(written, 201, served);
}

export async function updateObject(admitted: Admitted, endpoint: Endpoint, parts: LineParts): Promise<Answer> {
  const { served, incoming } = admitted;
  const draft = decodeDraft(admitted);
  checkName(draft, incoming.address.name ?? '');
  const call = writeCall(admitted, parts);
  // The draft is changed on the way; a second try after a lost race needs it as it came.
  const written = await served.store
    .update(targetOf(admitted, endpoint), () => copyJson(draft as unknown as JsonObject) as unknown as KubeObject, call)
    .catch((error) => {
      if (endpoint !== 'main' || !isStatus(error, 'NotFound') || !served.store.strategy.allowCreateOnUpdate)
        throw error;
      return undefined;
    });
  if (written) return answerWritten(written, 200, served);
  return answerWritten(await served.store.create(draft, incoming.address.namespace, call), 201, served);
}

export async function patchObject(admitted: Admitted, endpoint: Endpoint, parts: LineParts): Promise<Answer> {
  const { served, incoming } = admitted;
  const { patchType, options } = incoming;
  invariant(patchType, 'a patch has a type');
  if (patchType === 'strategic' && served.typing) throw noStrategicMerge();
  const body = incoming.readBody(served.api.kind).value;
  if (patchType === 'apply') checkKind(body, { kind: served.api.kind, apiVersion: apiVersionOf(served.api) });
  const patch = {
    type: patchType,
    body,
    fieldValidation: options.fieldValidation || 'Warn',
    force: options.force ?? false,
    schema: served.schema,
    view: served.view,
    typing: served.typing,
  } as const;
  const { written, created } = await served.store.patch(
    targetOf(admitted, endpoint),
    patch,
    writeCall(admitted, parts),
  );
  return answerWritten(written, created ? 201 : 200, served);
}

/** Custom resources have no patch strategies. */
function noStrategicMerge(): StatusError {
  return new StatusError(
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
  );
}

async function deleteObject(admitted: Admitted, parts: LineParts): Promise<Answer> {
  const { incoming, served } = admitted;
  const { namespace, name = '' } = incoming.address;
  const { options, dryRun } = deleteOptionsOf(admitted);
  const call = writeCall(admitted, parts, dryRun);
  const deleted = await served.store.delete({ namespace, name }, options, call);
  const isPending = !deleted.removed && options.orphanDependents === false;
  return answerDeleted(deleted, isPending ? 202 : 200, served);
}

async function deleteCollection(admitted: Admitted, parts: LineParts): Promise<Answer> {
  const { incoming, served, user } = admitted;
  const { address, signal, warnings } = incoming;
  const { options, dryRun } = deleteOptionsOf(admitted);
  const selection = parseSelection(served.store.strategy, incoming.options, parts.limits.selectorCharactersMax);
  const list = await served.store.list(address.namespace, selection, incoming.options, { user, signal, warnings });
  for (const { object } of list.items) {
    const { namespace, name = '' } = object.metadata;
    const call = writeCall(admitted, parts, dryRun);
    await served.store.delete({ namespace, name }, options, call).catch((error) => {
      if (!isStatus(error, 'NotFound')) throw error;
    });
  }
  return { kind: 'list', served, list };
}

/** Before anything is looked up: the caller means another object than the one that the path names. */
function checkName({ metadata }: KubeObject, name: string): void {
  if (!metadata.name) throw badRequest('name must be provided');
  if (metadata.name === name) return;
  throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
}

export function targetOf({ incoming }: Admitted, endpoint: Endpoint) {
  return { namespace: incoming.address.namespace, name: incoming.address.name ?? '', endpoint };
}

/** The body as an object of the resource's kind, with the names of the kind filled in. Throws StatusError BadRequest. */
function decodeDraft({ incoming, served }: Admitted): KubeObject {
  const { kind } = served.api;
  const apiVersion = apiVersionOf(served.api);
  const { value, duplicates } = incoming.readBody(kind);
  checkKind(value, { kind, apiVersion });
  const fieldValidation = incoming.options.fieldValidation || 'Warn';
  const expected = { kind, apiVersion };
  const { object, warnings } = decodeObject(served.schema, value, {
    fieldValidation,
    duplicates,
    expected,
    ...(served.typing ? { typing: served.typing } : {}),
  });
  incoming.warnings.push(...warnings);
  const { kind: _, apiVersion: __, metadata, ...rest } = object;
  const draft = { kind, apiVersion, metadata: metadata ?? {}, ...rest } as KubeObject;
  return served.view ? served.view.toStored(draft) : draft;
}

function checkKind(value: unknown, expected: { readonly kind: string; readonly apiVersion: string }): void {
  if (typeof value !== 'object' || value === null) return;
  const { kind, apiVersion } = value as { kind?: unknown; apiVersion?: unknown };
  if (typeof apiVersion === 'string' && apiVersion !== '' && apiVersion !== expected.apiVersion) {
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected.apiVersion})`,
    );
  }
  if (typeof kind === 'string' && kind !== '' && kind !== expected.kind) {
    const version = expected.apiVersion.split('/').at(-1);
    throw badRequest(`${kind} in version "${version}" cannot be handled as a ${expected.kind}: the kinds differ`);
  }
}

/** `isDryRun`: the body says so; the query may say it too. */
export function writeCall(
  { incoming, user, cause, served }: Admitted,
  { admission }: LineParts,
  isDryRun = false,
): WriteCall {
  const { address, options, signal, warnings, verb } = incoming;
  const dryRun = isDryRun || (options.dryRun ?? false);
  const ownCause: Cause & { annotations?: Record<string, string> } = { ...cause };
  const annotate = (key: string, value: string) => {
    ownCause.annotations = { ...ownCause.annotations, [key]: value };
  };
  return {
    user,
    signal,
    warnings,
    cause: ownCause,
    dryRun,
    fieldManager: options.fieldManager || incoming.userAgent.split('/', 1)[0] || 'unknown',
    admission: admission.hooks({ user, verb, served, address, dryRun, signal, warnings, annotate }),
  };
}

export function answerWritten(written: Written, code: number, served: ServedResource): Answer {
  return written.stored
    ? { kind: 'stored', code, served, stored: written.stored }
    : { kind: 'object', code, served, object: served.view ? served.view.toServed(written.object) : written.object };
}

function answerDeleted({ removed, object }: Deleted, code: number, served: ServedResource): Answer {
  const { api, store, view } = served;
  if (!removed || store.strategy.answersDeletedObject) {
    return { kind: 'object', code, served, object: view ? view.toServed(object) : object };
  }
  const { name = '', uid } = object.metadata;
  const status: Omit<Status, 'code'> = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name,
      ...(api.group === '' ? {} : { group: api.group }),
      kind: api.resource,
      ...(uid === undefined ? {} : { uid }),
    },
  };
  return { kind: 'object', code, object: status };
}

const policies = ['Foreground', 'Background', 'Orphan'];

/** From the body, else from the query. Throws StatusError Invalid or BadRequest. */
export function deleteOptionsOf({ incoming }: Pick<Admitted, 'incoming'>): { options: DeleteOptions; dryRun: boolean } {
  const { value } = incoming.readBody('DeleteOptions');
  const schema = builtInSchemas.definition('io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions');
  invariant(schema, 'there is a schema of DeleteOptions');
  const body = value === undefined ? undefined : decodeObject(schema, value, { fieldValidation: 'Ignore' }).object;
  const given = (body ?? {}) as DeleteOptions & { dryRun?: readonly string[] };
  const options: DeleteOptions = body ? given : (incoming.options.deletion ?? {});
  const errors: FieldError[] = [];
  const { propagationPolicy } = options;
  if (propagationPolicy !== undefined && !policies.includes(propagationPolicy)) {
    errors.push(notSupported('propagationPolicy', propagationPolicy, policies));
  }
  const unknown = (given.dryRun ?? []).find((entry) => entry !== 'All');
  if (unknown !== undefined) errors.push(notSupported('dryRun', unknown, ['All']));
  if (propagationPolicy !== undefined && options.orphanDependents !== undefined) {
    const reason = 'orphanDependents and deletionPropagation cannot be both set';
    errors.push(invalid('propagationPolicy', propagationPolicy, reason));
  }
  if (errors.length > 0) throw invalidError('DeleteOptions', 'meta.k8s.io', '', errors);
  return { options, dryRun: (given.dryRun ?? []).length > 0 };
}
