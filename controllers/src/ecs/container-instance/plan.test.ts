import type { ContainerInstance } from '@slipway/api/ecs/kinds';
import type { Node } from '@slipway/api/types';
import { aNode } from '../../testing/builders.ts';
import { clusterLabel, planInstance } from './plan.ts';

function anInstance(spec: ContainerInstance['spec'], status?: ContainerInstance['status']): ContainerInstance {
  const base = { apiVersion: 'ecs.slipway.dev/v1', kind: 'ContainerInstance', metadata: { name: 'n', uid: 'u' }, spec };
  return status ? { ...base, status } : base;
}

const node: Node = {
  ...aNode('n', 'True'),
  metadata: { name: 'n', uid: 'node-uid', labels: { [clusterLabel]: 'blue', 'kubernetes.io/arch': 'amd64' } },
};
const patches = (observed: Parameters<typeof planInstance>[0]) =>
  planInstance(observed).steps.map((step) =>
    step.op === 'patch' ? [step.kind.resource, step.subresource, step.patch] : [],
  );

describe('planInstance', () => {
  it('makes the instance of a node, in the cluster of its label, and gone with it', () => {
    expect(planInstance({ node, instance: undefined }).steps).toMatchObject([
      {
        op: 'create',
        object: {
          metadata: { ownerReferences: [{ kind: 'Node', uid: 'node-uid' }] },
          spec: { cluster: 'blue', status: 'ACTIVE' },
        },
      },
    ]);
  });

  it('tells what the node is and has', () => {
    const allocatable = { cpu: '1500m', memory: '2Gi' };
    const big = { ...node, status: { ...node.status, allocatable } };
    expect(patches({ node: big, instance: anInstance({}) })).toMatchObject([
      [
        'containerinstances',
        'status',
        {
          status: {
            status: 'ACTIVE',
            agentConnected: true,
            ec2InstanceId: 'n',
            registeredResources: [{ name: 'CPU', integerValue: 1536 }, { name: 'MEMORY', integerValue: 2048 }, {}, {}],
            attributes: [{ name: 'ecs.cpu-architecture', value: 'x86_64' }],
          },
        },
      ],
    ]);
  });

  it('cordons the node of an instance that ECS drains', () => {
    const instance = anInstance({ status: 'DRAINING' }, { status: 'ACTIVE' });
    expect(patches({ node, instance })[0]).toEqual(['nodes', undefined, { spec: { unschedulable: true } }]);
  });

  it('drains the instance of a node that kubectl cordons, and lets both be again', () => {
    const cordoned = { ...node, spec: { unschedulable: true } };
    const instance = anInstance({ status: 'ACTIVE' }, { status: 'ACTIVE' });
    expect(patches({ node: cordoned, instance })[0]).toEqual([
      'containerinstances',
      undefined,
      { spec: { status: 'DRAINING' } },
    ]);
    const drained = anInstance({ status: 'DRAINING' }, { status: 'DRAINING' });
    expect(patches({ node, instance: drained })[0]).toEqual([
      'containerinstances',
      undefined,
      { spec: { status: 'ACTIVE' } },
    ]);
  });

  it('labels the node with custom attributes, and takes off those that are gone', () => {
    const labels = { 'attribute.ecs.slipway.dev/old': 'x', 'attribute.ecs.slipway.dev/stack': 'test' };
    const labelled = { ...node, metadata: { ...node.metadata, labels } };
    const instance = anInstance({
      attributes: [
        { name: 'stack', value: 'prod' },
        { name: 'no label', value: 'x' },
      ],
    });
    expect(patches({ node: labelled, instance })[0]).toEqual([
      'nodes',
      undefined,
      { metadata: { labels: { 'attribute.ecs.slipway.dev/old': null, 'attribute.ecs.slipway.dev/stack': 'prod' } } },
    ]);
  });
});
