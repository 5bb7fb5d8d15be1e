/** The objects that a binding hands to its policy as `params`. */
import { matcherOf } from '@slipway/api/selector';
import type { KubeObject, ParamKind, ParamRef } from '@slipway/api/types';
import { resourcePrefix } from '../../registry/resource-context.ts';
import type { AdmissionDeps, AdmissionRequest } from '../plugin.ts';

/** The policy cannot be asked as it is configured. */
export class PolicyConfigurationError extends Error {
  override readonly name = 'PolicyConfigurationError';
}

/** A policy is asked once for each; `null` where it takes none. Nothing: the binding does not apply. Throws PolicyConfigurationError. */
export function paramsFor(
  kind: ParamKind | undefined,
  ref: ParamRef | undefined,
  request: AdmissionRequest,
  deps: AdmissionDeps,
): readonly (KubeObject | null)[] {
  if (!kind || !ref) return [null];
  const { apiVersion = '', kind: kindName = '' } = kind;
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const found = deps.findKind({ group, version, kind: kindName });
  if (!found) {
    throw new PolicyConfigurationError(
      `failed to configure policy: failed to find resource referenced by paramKind: '${apiVersion}, Kind=${kindName}'`,
    );
  }
  const namespace = found.namespaced ? ref.namespace || request.namespace : undefined;
  if (found.namespaced && namespace === undefined) {
    throw new PolicyConfigurationError(
      'failed to configure binding: cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
    );
  }
  const params = ref.name
    ? [deps.read(found.resource, found.group, namespace, ref.name)].filter((each) => each !== undefined)
    : selected(found, namespace, ref, deps);
  if (params.length > 0 || ref.parameterNotFoundAction === 'Allow') return params;
  throw new PolicyConfigurationError(
    'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
  );
}

function selected(
  resource: { readonly group: string; readonly resource: string },
  namespace: string | undefined,
  { selector }: ParamRef,
  { objects }: AdmissionDeps,
): KubeObject[] {
  const labels = matcherOf(selector ?? {});
  const prefix = `${resourcePrefix(resource)}${namespace === undefined ? '' : `${namespace}/`}`;
  return Array.from(objects.cachedList(prefix), ({ object }) => object).filter(({ metadata }) =>
    labels.matches(metadata.labels),
  );
}
