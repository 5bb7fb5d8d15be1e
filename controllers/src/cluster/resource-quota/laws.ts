import { keyOf, kinds } from '@slipway/client/kinds';
import { aPod } from '../../testing/builders.ts';
import { pick, podMoves } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import { isPodFinished } from '../../workloads/pod-readiness.ts';

const { resourceQuotas: quotas, pods, configMaps } = kinds;

export const resourceQuotaLaws: ControllerLaws = {
  controller: 'resourcequota',
  primary: quotas,
  start(server) {
    server.put(quotas, {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { namespace: 'shop', name: 'limits' },
      spec: { hard: { pods: '10', 'count/configmaps': '5' } },
    });
  },
  moves: {
    ...podMoves,
    'a pod comes': (server, dice) => {
      const name = `p${dice % 9}`;
      if (!server.get(pods, `shop/${name}`)) server.put(pods, aPod({ name, node: 'n0' }));
    },
    'a pod is gone': (server, dice) => server.remove(pods, `shop/p${dice % 9}`),
    'a map comes or goes': (server, dice) => {
      const metadata = { namespace: dice % 5 === 0 ? 'other' : 'shop', name: `m${dice % 4}` };
      const key = `${metadata.namespace}/${metadata.name}`;
      if (server.get(configMaps, key)) server.remove(configMaps, key);
      else server.put(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
    },
    'the limits change': (server, dice) => {
      const quota = pick(server.list(quotas), dice);
      if (quota) server.put(quotas, { ...quota, spec: { hard: { pods: String(dice % 20), 'count/configmaps': '5' } } });
    },
  },
  atRest(server) {
    for (const quota of server.list(quotas)) {
      const { used = {} } = quota.status ?? {};
      const running = server.list(pods).filter((pod) => !isPodFinished(pod)).length;
      const maps = server.list(configMaps).filter(({ metadata }) => metadata.namespace === 'shop').length;
      const is = `${used.pods} pods, ${used['count/configmaps']} maps`;
      const right = `${running} pods, ${maps} maps`;
      if (is !== right) return `${keyOf(quota)} counts ${is} instead of ${right}`;
    }
    return undefined;
  },
};
