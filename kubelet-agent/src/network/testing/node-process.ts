/**
 * A node's networking as a process of its own, for tests that put it into a network namespace: two pods, one service
 * over them. Reads its settings from the first argument, prints one line of JSON when the pods are connected, ends on SIGTERM.
 * With `remove` it does what `slipway down` does.
 */
import type { EndpointSlice, NetworkPolicy, Node, Pod, Service } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import { createLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import { createNodeNetwork, removeNodeNetwork } from '../../compose-network.ts';
import { aService, aSlice } from '../../proxy/builders.ts';

const { dataDir, clusterId, resolvConf, podNetns, remove } = JSON.parse(process.argv[2] ?? '') as {
  readonly dataDir: string;
  readonly clusterId: string;
  readonly resolvConf: string;
  readonly podNetns: readonly string[];
  readonly remove?: boolean;
};
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const log = createLogger('warn');

if (remove) {
  await removeNodeNetwork({ clusterId, dataDir }, { exec, signal: stop.signal });
  process.exit(0);
}

const network = createNodeNetwork(
  {
    clusterId,
    dataDir,
    resolvConf,
    nodeName: 'node-a',
    clusterCidr: '10.64.0.0/16',
    serviceCidr: '10.96.0.0/16',
    dnsIp: '10.96.0.10',
    apiRelay: undefined,
    clusterDomain: 'cluster.local',
    binPath: [],
    env: process.env,
  },
  { exec, clock: systemClock, random: systemRandom, log },
);
const services = new ObjectCache<Service>();
const endpointSlices = new ObjectCache<EndpointSlice>();

await network.start(stop.signal);
await network.usePodCidr('10.64.0.0/24', stop.signal);
const ips: string[] = [];
const milliseconds: number[] = [];
for (const [i, netnsPath] of podNetns.entries()) {
  const begin = systemClock.monotonicMs();
  const pod = { name: `pod-${i}`, namespace: 'default', uid: `uid-${i}`, attempt: 0 };
  const request = { sandboxId: `sandbox-${i}`, pod, labels: {}, annotations: {}, netnsPath, portMappings: [] };
  const status = await network.sandboxes.setUp(request, stop.signal);
  milliseconds.push(systemClock.monotonicMs() - begin);
  ips.push(status.ips[0] ?? '');
}
services.replace([aService({ clusterIp: '10.96.0.50' })], 1n);
endpointSlices.replace([aSlice({ addresses: ips, nodeName: 'node-a' })], 1n);
const pods = new ObjectCache<Pod>();
const networkPolicies = new ObjectCache<NetworkPolicy>();
pods.replace([], 1n);
networkPolicies.replace([], 1n);
const caches = {
  services,
  endpointSlices,
  pods,
  networkPolicies,
  ownNode: new ObjectCache<Node>(),
  events: { record: () => {} },
  watch: () => async () => {},
};
const companions = network.companions(caches).map((run) => run(stop.signal));
process.stdout.write(`${JSON.stringify({ ips, milliseconds })}\n`);
await Promise.all(companions);
