import type { ConfigMap } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import type { Plan } from '../../runtime/step.ts';
import { type ObservedRootCa, rootCaName } from './observe.ts';

const dataKey = 'ca.crt';

/** The config map holds the authority's certificate and nothing else, whatever others wrote into it. */
export function planRootCa({ namespace, configMap }: ObservedRootCa, caPem: string): Plan {
  if (namespace.metadata.deletionTimestamp) return { steps: [], status: 'unchanged' };
  const data = { [dataKey]: caPem };
  if (!configMap) {
    const metadata = { name: rootCaName, namespace: namespace.metadata.name ?? '' };
    const object: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
    return { steps: [{ op: 'create', kind: kinds.configMaps, object }], status: 'unchanged' };
  }
  const others = Object.keys(configMap.data ?? {}).filter((key) => key !== dataKey);
  if (others.length === 0 && configMap.data?.[dataKey] === caPem) return { steps: [], status: 'unchanged' };
  const patch = { data: { ...data, ...Object.fromEntries(others.map((key) => [key, null])) } };
  return { steps: [{ op: 'patch', kind: kinds.configMaps, target: configMap, patch }], status: 'unchanged' };
}
