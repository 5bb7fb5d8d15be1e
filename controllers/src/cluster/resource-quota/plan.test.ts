import { evaluatorOf } from '@slipway/api/quota/evaluator';
import { parseQuantity } from '@slipway/api/quantity';
import type { KubeObject, ResourceQuota } from '@slipway/api/types';
import { planQuota } from './plan.ts';

const hard = { 'count/configmaps': '5', pods: '3', 'requests.cpu': '1' };

function quota(used?: Record<string, string>, spec: Partial<ResourceQuota['spec']> = {}): ResourceQuota {
  return {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { namespace: 'shop', name: 'q' },
    spec: { hard, ...spec },
    ...(used ? { status: { hard, used } } : {}),
  };
}

const configMap: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } };
const pod = (cpu: string, more: object = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'c', resources: { requests: { cpu } } }] },
    ...more,
  }) as unknown as KubeObject;

const none = new Map();

function usedBy(
  objects: { configMaps?: KubeObject[]; pods?: KubeObject[] },
  observed: Partial<{ quota: ResourceQuota; promised: string }> = {},
) {
  const counted = [
    { evaluator: evaluatorOf({ group: '', resource: 'configmaps' }), objects: objects.configMaps ?? [] },
    { evaluator: evaluatorOf({ group: '', resource: 'pods' }), objects: objects.pods ?? [] },
  ];
  const promised = observed.promised ? new Map([['count/configmaps', parseQuantity(observed.promised)]]) : none;
  const { status } = planQuota({ quota: observed.quota ?? quota(), counted, promised }, 0);
  return status === 'unchanged' ? undefined : status?.used;
}

describe('planQuota', () => {
  it('counts objects and adds up what pods ask for', () => {
    expect(usedBy({ configMaps: [configMap, configMap], pods: [pod('300m'), pod('0.5')] })).toEqual({
      'count/configmaps': '2',
      pods: '2',
      'requests.cpu': '800m',
    });
  });

  it('leaves out pods that have ended, and those outside the scopes', () => {
    expect(usedBy({ pods: [pod('1', { status: { phase: 'Succeeded' } })] })).toMatchObject({ pods: '0' });
    const scoped = quota(undefined, { scopes: ['Terminating'] });
    expect(usedBy({ pods: [pod('1')] }, { quota: scoped })).toMatchObject({ pods: '0' });
  });

  it('keeps room for what has been charged and is not seen yet, and no more than was written', () => {
    const written = quota({ 'count/configmaps': '3', pods: '0', 'requests.cpu': '0' });
    expect(usedBy({ configMaps: [configMap] }, { quota: written, promised: '1' })).toMatchObject({
      'count/configmaps': '2',
    });
    expect(usedBy({ configMaps: [configMap] }, { quota: written, promised: '9' })).toMatchObject({
      'count/configmaps': '3',
    });
    expect(usedBy({ configMaps: [configMap] }, { quota: written })).toMatchObject({ 'count/configmaps': '1' });
  });
});
