/** Between the versions of a definition: by renaming the version (strategy None), or by asking a webhook. */
import { StatusError } from '@slipway/api/status-error';
import type { KubeObject } from '@slipway/api/types';
import { messageOf } from '@slipway/kit/errors';
import type { DefinitionSpec } from '../definition/definition.ts';

/** Converts objects to the wanted apiVersion; those that have it already are not handed in. */
export interface Converter {
  convert(objects: readonly KubeObject[], apiVersion: string): Promise<readonly KubeObject[]> | readonly KubeObject[];
}

/** Calls a webhook. Rejects with an error of one line. */
export type CallWebhook = (target: WebhookTarget, body: unknown) => Promise<unknown>;

export interface WebhookTarget {
  readonly url?: string;
  readonly caBundle?: string;
  readonly service?: {
    readonly namespace: string;
    readonly name: string;
    readonly path?: string;
    readonly port?: number;
  };
}

export const noneConverter: Converter = {
  convert: (objects, apiVersion) => objects.map((object) => ({ ...object, apiVersion })),
};

export interface ConverterDeps {
  readonly call: CallWebhook;
  uuid(): string;
}

export function converterOf({ conversion, group, names }: DefinitionSpec, deps: ConverterDeps): Converter {
  if (conversion?.strategy !== 'Webhook') return noneConverter;
  const target = conversion.webhook?.clientConfig ?? {};
  const versions = conversion.webhook?.conversionReviewVersions ?? [];
  const kind = names.kind;
  return {
    async convert(objects, apiVersion) {
      const from = objects[0]?.apiVersion ?? '';
      const fail = (reason: string): never => {
        throw new StatusError('InternalError', `conversion webhook for ${from}, Kind=${kind} failed: ${reason}`);
      };
      if (!versions.includes('v1'))
        return fail(`no ConversionReview version of ${versions.join(', ')} is known to this server`);
      const uid = deps.uuid();
      const review = {
        kind: 'ConversionReview',
        apiVersion: 'apiextensions.k8s.io/v1',
        request: { uid, desiredAPIVersion: apiVersion, objects },
      };
      const answered = await deps.call(target, review).catch((error) => fail(messageOf(error)));
      const converted = checkAnswer(answered, { uid, apiVersion, group }, objects);
      return typeof converted === 'string' ? fail(converted) : converted;
    },
  };
}

interface Asked {
  readonly uid: string;
  readonly apiVersion: string;
  readonly group: string;
}

interface ConversionAnswer {
  readonly response?: {
    readonly uid?: string;
    readonly result?: { readonly status?: string; readonly message?: string };
    readonly convertedObjects?: readonly KubeObject[];
  };
}

/** The converted objects, or what is wrong with the answer. */
function checkAnswer(
  answer: unknown,
  { uid, apiVersion }: Asked,
  asked: readonly KubeObject[],
): string | readonly KubeObject[] {
  const { response } = (answer ?? {}) as ConversionAnswer;
  if (!response) return 'the answer has no response';
  if (response.uid !== uid)
    return `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`;
  const { result, convertedObjects = [] } = response;
  if (result?.status !== 'Success') return result?.message || 'response status message is empty';
  if (convertedObjects.length !== asked.length) {
    return `webhook returned ${convertedObjects.length} objects, expected ${asked.length}`;
  }
  const wrong = convertedObjects.find((object, i) => !isSameObject(object, asked[i], apiVersion));
  if (wrong)
    return `webhook returned an object that is not the converted one: apiVersion ${wrong?.apiVersion}, name ${wrong?.metadata?.name}`;
  return convertedObjects.map((object, i) => withKeptMetadata(object, asked[i] as KubeObject));
}

function isSameObject(object: KubeObject | undefined, asked: KubeObject | undefined, apiVersion: string): boolean {
  if (!object || !asked || object.apiVersion !== apiVersion || object.kind !== asked.kind) return false;
  const { name, namespace, uid } = object.metadata ?? {};
  return name === asked.metadata.name && namespace === asked.metadata.namespace && uid === asked.metadata.uid;
}

/** A webhook changes labels and annotations only; the rest of the metadata is as it was. */
function withKeptMetadata(object: KubeObject, asked: KubeObject): KubeObject {
  const { labels, annotations } = object.metadata;
  const { labels: _, annotations: __, ...kept } = asked.metadata;
  const metadata = { ...kept, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) };
  const { kind, apiVersion, metadata: ___, ...rest } = object;
  return { kind, apiVersion, metadata, ...rest } as KubeObject;
}
