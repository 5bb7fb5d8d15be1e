import { neverAborted } from '@slipway/kit/abort';
import { exec } from '@slipway/kit/exec';
import { createTestNetwork, type TestNetwork } from '../../../conformance/test-network.ts';
import type { Host } from '../../../host/host.ts';
import { createKernelHost } from '../../../host/kernel-host.ts';
import { createPluginCaller } from '../../../skeleton/call-plugin.ts';
import type { Invocation } from '../../../skeleton/plugin.ts';
import { CniError } from '../../../spec/cni-error.ts';
import type { JsonObject } from '../../../spec/json.ts';
import { decodeResult } from '../../../spec/result.ts';
import type { CniResult } from '../../../spec/types.ts';
import { builtInPlugins } from '../../built-in-plugins.ts';

/** Two nodes whose `lan0` is plugged into one switch, which has the address 10.90.0.1 and another network behind it. */
export interface Lan {
  readonly nodes: readonly [LanNode, LanNode];
  readonly network: TestNetwork;
  /** Namespace of the switch. */
  readonly router: string;
  /** What a test left attached, for `afterEach`: the next one shall not fail for it. */
  detachAll(): Promise<void>;
  remove(): Promise<void>;
}

export interface Attached {
  readonly netns: string;
  readonly result: CniResult;
  /** Without the prefix length. */
  readonly address: string;
  check(): Promise<unknown>;
  del(): Promise<void>;
}

export interface LanNode {
  readonly netns: string;
  readonly host: Host;
  call(
    command: Invocation['command'],
    config: JsonObject,
    change?: Partial<Invocation>,
  ): Promise<JsonObject | undefined>;
  /** ADD for a new container, or the one given. */
  add(config: JsonObject, change?: Partial<Invocation>): Promise<Attached>;
  ip(...lines: string[]): Promise<void>;
}

export const routerAddress = '10.90.0.1';
/** Not in the LAN: only routing leads there. */
export const farAddress = '10.91.0.1';

export async function createLan(): Promise<Lan> {
  const network = await createTestNetwork();
  const router = await network.addNetns();
  const second = await network.addNetns();
  const inRouter = (...lines: string[]) => network.host.ip(lines, { netns: router, signal: neverAborted });
  await inRouter(
    'link set lo up',
    'link add switch type bridge',
    'link set switch up',
    `address add ${routerAddress}/24 dev switch`,
    `address add ${farAddress}/32 dev lo`,
  );
  for (const [at, netns] of [network.hostNetns, second].entries()) {
    const name = router.split('/').at(-1) ?? '';
    await network.host.ip(
      [`link add lan0 type veth peer name port${at} netns ${name}`, 'link set lan0 up', 'link set lo up'],
      { netns, signal: neverAborted },
    );
    await inRouter(`link set port${at} master switch`, `link set port${at} up`);
  }
  const attached: Attached[] = [];
  return {
    nodes: [nodeOf(network.hostNetns, network, attached), nodeOf(second, network, attached)],
    network,
    router,
    async detachAll() {
      for (const each of attached.splice(0)) await each.del();
    },
    remove: () => network.remove(),
  };
}

let containers = 0;

function nodeOf(nodeNetns: string, network: TestNetwork, attached: Attached[]): LanNode {
  const host = createKernelHost({ exec, netns: nodeNetns });
  const callPlugin = createPluginCaller({ plugins: builtInPlugins, host, exec, env: process.env, netns: nodeNetns });
  const call: LanNode['call'] = (command, config, change = {}) => {
    const nobody = { containerId: '', netns: '', ifName: '', args: '', path: [] };
    const whole = { cniVersion: '1.1.0', name: 'lan', ...config };
    return callPlugin(String(config.type), { command, ...nobody, config: whole, ...change }, neverAborted);
  };
  return {
    netns: nodeNetns,
    host,
    call,
    ip: (...lines) => host.ip(lines, { signal: neverAborted }),
    async add(config, change = {}) {
      const netns = change.netns ?? (await network.addNetns());
      containers++;
      const who = { containerId: `c${containers}`, ifName: 'eth0', ...change, netns };
      const prevResult = await call('ADD', config, who);
      const result = decodeResult(prevResult);
      const withResult = { ...config, prevResult };
      const added: Attached = {
        netns,
        result,
        address: result.ips[0]?.address.split('/')[0] ?? '',
        check: () => call('CHECK', withResult, who),
        del: async () => void (await call('DEL', withResult, who)),
      };
      attached.push(added);
      return added;
    },
  };
}

/** Addresses of the LAN from `first` on, a folder for each caller: a node's own part. */
export function lanIpam(network: TestNetwork, first: number, count = 10): JsonObject {
  const range = {
    subnet: '10.90.0.0/24',
    rangeStart: `10.90.0.${first}`,
    rangeEnd: `10.90.0.${first + count - 1}`,
    gateway: routerAddress,
  };
  return { type: 'host-local', ranges: [[range]], dataDir: `${network.directory}/${first}` };
}

export async function reaches(network: TestNetwork, from: string, address: string): Promise<boolean> {
  return network.run(from, 'busybox', 'ping', '-c1', '-W1', address).then(
    () => true,
    () => false,
  );
}

/** The error that ADD, or anything else, ends with. */
export async function refusal(work: Promise<unknown>): Promise<CniError> {
  const error = await work.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  if (error instanceof CniError) return error;
  throw error;
}

/** Links, addresses, routes and rules of the first node are afterwards what they were before. */
export async function leavesNothing<T>(network: TestNetwork, work: () => Promise<T>): Promise<T> {
  const before = await network.kernelObjects();
  const done = await work();
  expect(await network.kernelObjects()).toBe(before);
  return done;
}
