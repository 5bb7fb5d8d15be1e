/** What a subresource answers. `connect` ones never come here: they leave the line before, see `connect.ts`. */
import { decodeObject } from '@slipway/api/schema/decode';
import { builtInSchemas } from '@slipway/api/schema/built-in-schemas';
import { type ApiSubresource, apiVersionOf } from '@slipway/api/resources';
import type { KubeObject, Scale } from '@slipway/api/types';
import { invariant } from '@slipway/kit/invariant';
import type { Part } from '../registry/endpoint-rules.ts';
import { evictPod } from '../registry/subresources/eviction.ts';
import { bindPod } from '../registry/subresources/binding.ts';
import { requestToken } from '../registry/subresources/token.ts';
import { patchedScale, withAppliedScale } from '../registry/subresources/patch-scale.ts';
import { scaleOf, withScale } from '../registry/subresources/scale.ts';
import type { Answer } from './answer.ts';
import { getObject, patchObject, targetOf, updateObject, writeCall } from './object-verbs.ts';
import { type Admitted, type LineParts, methodNotAllowed } from './request-line.ts';

export function answerSubresource(admitted: Admitted, subresource: ApiSubresource, parts: LineParts): Promise<Answer> {
  switch (subresource.name) {
    case 'status':
    case 'finalize':
    case 'approval':
    case 'ephemeralcontainers':
    case 'resize':
      return answerPart(admitted, subresource.name, parts);
    case 'scale':
      return answerScale(admitted, subresource, parts);
    case 'binding':
      return answerBinding(admitted, subresource, parts);
    case 'eviction':
      return answerEviction(admitted, subresource, parts);
    case 'token':
      return answerToken(admitted, subresource, parts);
    default:
      return Promise.reject(methodNotAllowed());
  }
}

async function answerPart(admitted: Admitted, endpoint: Part, parts: LineParts): Promise<Answer> {
  if (admitted.incoming.verb === 'update') return await updateObject(admitted, endpoint, parts);
  if (admitted.incoming.verb === 'patch') return await patchObject(admitted, endpoint, parts);
  return await getObject(admitted);
}

async function answerScale(admitted: Admitted, subresource: ApiSubresource, parts: LineParts): Promise<Answer> {
  const { served, incoming, user } = admitted;
  const access = served.store.strategy.scale;
  invariant(access, `${served.api.kind} can be scaled`);
  if (incoming.verb === 'get') {
    const { address, options, signal, warnings } = incoming;
    const stored = await served.store.get(address.namespace, address.name ?? '', options, { user, signal, warnings });
    return { kind: 'object', code: 200, object: scaleOf(stored.object, access) };
  }
  const wanted = incoming.readBody('Scale').value;
  const decoded = (value: unknown) => decodeBody<Scale>(value, subresource, incoming.warnings);
  const call = writeCall(admitted, parts);
  const isApply = incoming.patchType === 'apply';
  const change = async (old: KubeObject) => {
    const { patchType, options } = incoming;
    if (patchType === 'apply') {
      const { schema, store } = served;
      const { force = false } = options;
      const nowMs = store.nowMs();
      return withAppliedScale(old, {
        scale: decoded(wanted),
        access,
        schema,
        manager: call.fieldManager,
        force,
        nowMs,
      });
    }
    const before = scaleOf(old, access);
    const scale = decoded(patchType ? patchedScale(before, patchType, wanted) : wanted);
    await call.admission.review(scale as KubeObject, before as KubeObject);
    return withScale(old, scale, access);
  };
  const target = { ...targetOf(admitted, 'main'), isApply, ownedThrough: 'scale' };
  const written = await served.store.update(target, change, call);
  const scaled = written.stored ? written.stored.object : written.object;
  return { kind: 'object', code: 200, object: scaleOf(scaled, access) };
}

async function answerBinding(admitted: Admitted, subresource: ApiSubresource, parts: LineParts): Promise<Answer> {
  const { incoming, served } = admitted;
  const binding = decodeBody<KubeObject>(incoming.readBody(subresource.kind).value, subresource, incoming.warnings);
  const call = writeCall(admitted, parts);
  await call.admission.review(binding, undefined);
  await bindPod(served.store, targetOf(admitted, 'main'), binding, call);
  return success(201);
}

async function answerEviction(admitted: Admitted, subresource: ApiSubresource, parts: LineParts): Promise<Answer> {
  const { incoming, served } = admitted;
  const eviction = decodeBody<KubeObject>(incoming.readBody(subresource.kind).value, subresource, incoming.warnings);
  const call = writeCall(admitted, parts);
  await call.admission.review(eviction, undefined);
  const budgets = parts.kinds.find({ group: 'policy', version: 'v1', resource: 'poddisruptionbudgets' });
  invariant(budgets, 'disruption budgets are served');
  await evictPod({ pods: served.store, budgets: budgets.store }, targetOf(admitted, 'main'), eviction, call);
  return success(201);
}

async function answerToken(admitted: Admitted, subresource: ApiSubresource, parts: LineParts): Promise<Answer> {
  const { incoming, served } = admitted;
  const request = decodeBody<KubeObject>(incoming.readBody(subresource.kind).value, subresource, incoming.warnings);
  const { namespace = '', name } = targetOf(admitted, 'main');
  const account = await served.store.get(namespace, name, {}, { ...admitted, ...incoming });
  const { admission } = writeCall(admitted, parts);
  await admission.mutate(request, undefined);
  await admission.validate(request, undefined);
  const answered = requestToken(request, account.object, parts.tokens, parts.read);
  return { kind: 'object', code: 201, object: answered };
}

function success(code: number): Answer {
  return { kind: 'object', code, object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code } };
}

function decodeBody<T>(value: unknown, subresource: ApiSubresource, warnings: string[]): T {
  const schema = builtInSchemas.kind(subresource);
  invariant(schema, `there is a schema of ${subresource.kind}`);
  const decoded = decodeObject(schema, value, { fieldValidation: 'Warn' });
  warnings.push(...decoded.warnings);
  // Clients may leave out what the path says already; webhooks are told all the same.
  return { kind: subresource.kind, apiVersion: apiVersionOf(subresource), ...decoded.object } as T;
}
