/** What every cluster has beside the kinds of Kubernetes: the platform's own kinds, and the two networks that a pod may always name. */
import type { OwnKinds } from '@slipway/apiserver';
import { formatIp, parseCidr } from '@slipway/api/ip-address';
import type { KubeObject } from '@slipway/api/types';
import { definitions } from '@slipway/crds';
import { invariant } from '@slipway/kit/invariant';
import type { Config } from '../config.ts';

export function ownKinds(config: Pick<Config, 'clusterCidr'>): OwnKinds {
  const path = { group: 'networks.slipway.dev', version: 'v1', resource: 'networks' };
  return {
    definitions: definitions(),
    objects: [clusterNetwork(config), noNetwork].map((object) => ({ path, object })),
  };
}

/** Of pods that shall reach nobody; tasks of the network mode `none` name it. */
const noNetwork: KubeObject = aNetwork('none', { driver: 'none' });

function aNetwork(name: string, spec: object): KubeObject {
  return { apiVersion: 'networks.slipway.dev/v1', kind: 'Network', metadata: { name }, spec } as KubeObject;
}

/** For the controllers of a server that has them. */
export function ownKindIds(): readonly string[] {
  return definitions().map(({ metadata }) => metadata.name ?? '');
}

/** Its subnet is split by node, as `spec.podCIDR` of each says; nothing is left for static addresses. */
function clusterNetwork(config: Pick<Config, 'clusterCidr'>): KubeObject {
  const block = parseCidr(config.clusterCidr);
  invariant(block, `cluster CIDR ${config.clusterCidr}`);
  const subnet = `${formatIp({ family: block.family, value: block.base })}/${block.prefixLength}`;
  const spec = {
    driver: 'overlay',
    subnets: [{ subnet, range: subnet }],
    options: { backend: 'vxlan' },
    ...(block.family === 6 ? { ipv6: true } : {}),
  };
  return aNetwork('default', spec);
}
